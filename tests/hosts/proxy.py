"""Stands between brokers that are far from each other: what comes for ADDRESS:PORT goes on to it 100 to 300 ms later, in
either direction, and one piece in a hundred breaks its connection instead.

    proxy.py OWN PORT PORT ADDRESS...
"""
import asyncio
import random
import socket
import sys

own, ports, addresses = sys.argv[1], sys.argv[2:4], sys.argv[4:]
SO_MARK, MARK = 36, 7


async def carry(reader, writer, both):
    loop, due, queue = asyncio.get_running_loop(), 0, asyncio.Queue()

    async def deliver():
        while (piece := await queue.get()) is not None:
            at, data = piece
            await asyncio.sleep(max(0, at - loop.time()))
            writer.write(data)
            await writer.drain()

    delivery = asyncio.create_task(deliver())
    try:
        while data := await reader.read(1 << 16):
            if random.random() < 0.01:
                break
            due = max(due, loop.time() + random.uniform(0.1, 0.3))
            await queue.put((due, data))
    except OSError:
        pass
    delivery.cancel()
    for end in both:
        end.transport.abort()


async def serve(address, port):
    async def accept(reader, writer):
        loop = asyncio.get_running_loop()
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, SO_MARK, MARK)
        try:
            sock.bind((own, 0))
            await loop.sock_connect(sock, (address, int(port)))
            there = await asyncio.open_connection(sock=sock)
        except OSError:
            sock.close()
            return writer.transport.abort()
        both = (writer, there[1])
        await asyncio.gather(carry(reader, there[1], both), carry(there[0], writer, both), return_exceptions=True)

    return await asyncio.start_server(accept, address, int(port))


async def main():
    servers = [await serve(address, port) for address in addresses for port in ports]
    await asyncio.gather(*(server.serve_forever() for server in servers))


asyncio.run(main())
