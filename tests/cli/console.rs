//! console-producer and console-consumer: what goes in comes out, the same on kqd and on Apache Kafka.

use crate::screen::check;
use expect_test::expect;

#[test]
fn keys_headers_and_tombstones_as_kafkas_tools_have_them() {
    check(
        r"~ topic create console-text -p 1 --wait
          'h1:v1,h2:NIL\tk1\tone\nNIL\tk2\tNIL\n' | console-producer --topic console-text --timestamp 1000 --reader-property parse.key=true --reader-property parse.headers=true --reader-property null.marker=NIL
          'alone\n' | console-producer --topic console-text --property parse.key=true
          'a=1\nb=2\n' | console-producer -t console-text --timestamp 2000 -f %k=%v -H x:y -z zstd --ack-format '%t-%p@%o '
          console-consumer --topic console-text --from-beginning --max-messages 2
          console-consumer -t console-text -o start:end --formatter-property print.key=true --formatter-property print.headers=true --formatter-property print.timestamp=true --formatter-property print.offset=true --formatter-property null.literal=nil
          console-consumer -t console-text --tail 1 -f '%t %p %o %T %k %v %h;'
          console-consumer -t console-text -o 1:3 --print offset,key
          console-consumer -t console-text --from-beginning -e --grep k:^a --meta-only
          console-consumer -t console-text -o @1500:end
          console-consumer -t console-text --timeout-ms 10",
        expect![[r#"
            $ kq 'h1:v1,h2:NIL\tk1\tone\nNIL\tk2\tNIL\n' | console-producer --topic console-text --timestamp 1000 --reader-property parse.key=true --reader-property parse.headers=true --reader-property null.marker=NIL
            ! 2 produced, 0 failed
            exit 0
            $ kq 'alone\n' | console-producer --topic console-text --property parse.key=true
            ! 0 produced, 0 failed
            ! error: record 1 of the input: no key separator found: 'alone'
            !   hint:  --reader-property ignore.error=true lets lines without separators pass
            exit 1
            $ kq 'a=1\nb=2\n' | console-producer -t console-text --timestamp 2000 -f %k=%v -H x:y -z zstd --ack-format '%t-%p@%o '
            console-text-0@2 console-text-0@3 ! 2 produced, 0 failed
            exit 0
            $ kq console-consumer --topic console-text --from-beginning --max-messages 2
            one
            null
            ! Processed a total of 2 messages
            exit 0
            $ kq console-consumer -t console-text -o start:end --formatter-property print.key=true --formatter-property print.headers=true --formatter-property print.timestamp=true --formatter-property print.offset=true --formatter-property null.literal=nil
            CreateTime:1000	Offset:0	h1:v1,h2:nil	k1	one
            CreateTime:1000	Offset:1	NO_HEADERS	k2	nil
            CreateTime:2000	Offset:2	x:y	a	1
            CreateTime:2000	Offset:3	x:y	b	2
            ! Processed a total of 4 messages
            exit 0
            $ kq console-consumer -t console-text --tail 1 -f '%t %p %o %T %k %v %h;'
            console-text 0 3 2000 b 2 x=y;! Processed a total of 1 messages
            exit 0
            $ kq console-consumer -t console-text -o 1:3 --print offset,key
            Offset:1	k2
            Offset:2	a
            ! Processed a total of 2 messages
            exit 0
            $ kq console-consumer -t console-text --from-beginning -e --grep k:^a --meta-only
            console-text	0	2	2000	1	1	1
            ! Processed a total of 1 messages
            exit 0
            $ kq console-consumer -t console-text -o @1500:end
            1
            2
            ! Processed a total of 2 messages
            exit 0
            $ kq console-consumer -t console-text --timeout-ms 10
            ! Processed a total of 0 messages
            exit 0
        "#]],
    );
}

#[test]
fn json_goes_out_and_in_without_loss() {
    check(
        r#"~ topic create console-json -p 1 --wait
          '{"key":"k","value":{"base64":"/wA="},"headers":[{"key":"h","value":"v"},{"key":"n","value":null}],"timestamp":5}\n{"value":null,"key":"gone","timestamp":6}\n' | console-producer -t console-json --input json
          'key,value,timestamp,header.h\nc,"1,2",7,x\n,plain,8,\n' | console-producer -t console-json --input csv
          console-consumer -t console-json --from-beginning -e --output json
          console-consumer -t console-json -n 1 -o 2 --output pretty
          console-consumer -t console-json -o 0:1 --output hex
          '{"value":\n' | console-producer -t console-json --input json"#,
        expect![[r#"
            $ kq '{"key":"k","value":{"base64":"/wA="},"headers":[{"key":"h","value":"v"},{"key":"n","value":null}],"timestamp":5}\n{"value":null,"key":"gone","timestamp":6}\n' | console-producer -t console-json --input json
            ! 2 produced, 0 failed
            exit 0
            $ kq 'key,value,timestamp,header.h\nc,"1,2",7,x\n,plain,8,\n' | console-producer -t console-json --input csv
            ! 2 produced, 0 failed
            exit 0
            $ kq console-consumer -t console-json --from-beginning -e --output json
            {"topic":"console-json","partition":0,"offset":0,"timestamp":5,"timestamp_type":"CreateTime","leader_epoch":0,"headers":[{"key":"h","value":"v"},{"key":"n","value":null}],"key":"k","value":{"base64":"/wA="}}
            {"topic":"console-json","partition":0,"offset":1,"timestamp":6,"timestamp_type":"CreateTime","leader_epoch":0,"headers":[],"key":"gone","value":null}
            {"topic":"console-json","partition":0,"offset":2,"timestamp":7,"timestamp_type":"CreateTime","leader_epoch":0,"headers":[{"key":"h","value":"x"}],"key":"c","value":"1,2"}
            {"topic":"console-json","partition":0,"offset":3,"timestamp":8,"timestamp_type":"CreateTime","leader_epoch":0,"headers":[],"key":null,"value":"plain"}
            ! Processed a total of 4 messages
            exit 0
            $ kq console-consumer -t console-json -n 1 -o 2 --output pretty
            {
              "topic": "console-json",
              "partition": 0,
              "offset": 2,
              "timestamp": 7,
              "timestamp_type": "CreateTime",
              "leader_epoch": 0,
              "headers": [{"key": "h","value": "x"}],
              "key": "c",
              "value": "1,2"
            }
            ! Processed a total of 1 messages
            exit 0
            $ kq console-consumer -t console-json -o 0:1 --output hex
            console-json-0@0 5
              key    00000000  6b                                               k
              header h  00000000  76                                               v
              header n  null
              value  00000000  ff 00                                            ..
            ! Processed a total of 1 messages
            exit 0
            $ kq '{"value":\n' | console-producer -t console-json --input json
            ! 0 produced, 0 failed
            ! error: record 1 of the input: no JSON: EOF while parsing a value at line 1 column 9
            exit 1
        "#]],
    );
}

#[test]
fn what_cannot_be_sent_or_read_is_told() {
    check(
        r"~ topic create console-small -p 1 -c max.message.bytes=300 --wait
          '1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n18\n19\n20\n21\n22\n23\n24\n25\n26\n27\n28\n29\n30\n' | console-producer -t console-small
          console-consumer -t console-small --tail 2
          'x\n' | console-producer -t console-small -p 7
          'x\n' | console-producer --topic console-small --property a=b --reader-property c=d
          console-consumer -t console-nowhere -e
          console-consumer -t console-small -g readers -p 0
          console-consumer -t console-small -o soon",
        expect![[r#"
            $ kq '1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n18\n19\n20\n21\n22\n23\n24\n25\n26\n27\n28\n29\n30\n' | console-producer -t console-small
            ! 30 produced, 0 failed
            exit 0
            $ kq console-consumer -t console-small --tail 2
            29
            30
            ! Processed a total of 2 messages
            exit 0
            $ kq 'x\n' | console-producer -t console-small -p 7
            ! error: --partition 7: topic console-small has no such partition
            exit 2
            $ kq 'x\n' | console-producer --topic console-small --property a=b --reader-property c=d
            ! error: the argument '--property <K=V>' cannot be used with '--reader-property <K=V>'
            ! 
            ! Usage: kq console-producer --topic <TOPIC>
            ! 
            ! For more information, try '--help'.
            exit 2
            $ kq console-consumer -t console-nowhere -e
            ! error: topic console-nowhere: no such topic or partition (UNKNOWN_TOPIC_OR_PARTITION)
            !   hint:  `kq topic create console-nowhere` makes it; --wait-topic waits for it
            exit 1
            $ kq console-consumer -t console-small -g readers -p 0
            ! error: --partition: in a group, the group says what is read, and from where
            !   hint:  `kq group seek readers` moves the group; without --group, --partition works
            exit 2
            $ kq console-consumer -t console-small -o soon
            ! error: --offset: `soon` is no place: write start, end, 42, -10 (before the end), +10 (after the start), @TIME, or A:B
            exit 2
        "#]],
    );
}
