"""One Java process for the whole session: Apache's tools and the Java clients run in it one after the other."""
import base64
import os
import pathlib
import subprocess

from broker import HERE, JAVA, KAFKA_LIB


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def ok(self):
        assert self.code == 0, f"exit {self.code}\n{self.out[-4000:]}\n{self.err[-4000:]}"
        return self.out


class Jvm:
    def __init__(self, directory):
        self.classes = classes = pathlib.Path(directory) / "classes"
        sources = sorted(str(p) for p in (HERE / "java").glob("*.java"))
        subprocess.run(["javac", "-Xlint:all,-processing", "-Werror", "-cp", KAFKA_LIB + "/*", "-d", classes, *sources], check=True)
        command = [JAVA[0], "-Xmx1g", "-cp", f"{classes}{os.pathsep}{KAFKA_LIB}/*", JAVA[3], "Jvm"]
        self.log = open(pathlib.Path(directory) / "jvm.log", "wb")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)

    def run(self, main, *args, stdin=b""):
        """Runs a class with a main method: exit code, stdout and stderr."""
        fields = [main.encode(), stdin, *(str(a).encode() for a in args)]
        self.process.stdin.write(b" ".join(b"=" + base64.b64encode(f) for f in fields) + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        assert len(answer) == 3, f"the Java process is gone: {self.process.wait(10)}"
        out, err = (base64.b64decode(f[1:]).decode(errors="replace") for f in answer[1:])
        return Result(int(answer[0]), out, err)

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.log.close()
