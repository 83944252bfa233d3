# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_kq_global_optspecs
    string join \n h/help V/version
end

function __fish_kq_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_kq_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_kq_using_subcommand
    set -l cmd (__fish_kq_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c kq -n "__fish_kq_needs_command" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_needs_command" -s V -l version -d 'Print version'
complete -c kq -n "__fish_kq_needs_command" -f -a "topic" -d 'Create, list, describe, alter, delete, trim and move topics'
complete -c kq -n "__fish_kq_needs_command" -f -a "console-producer" -d 'Write records to a topic'
complete -c kq -n "__fish_kq_needs_command" -f -a "console-consumer" -d 'Read records from topics'
complete -c kq -n "__fish_kq_needs_command" -f -a "dump-log" -d 'Show what stands in log segments, indexes and snapshots'
complete -c kq -n "__fish_kq_needs_command" -f -a "group" -d 'List and describe groups, watch their lag, move their offsets'
complete -c kq -n "__fish_kq_needs_command" -f -a "cluster" -d 'Look at the cluster as a whole'
complete -c kq -n "__fish_kq_needs_command" -f -a "broker" -d 'List, describe and decommission brokers'
complete -c kq -n "__fish_kq_needs_command" -f -a "quorum" -d 'Look at the metadata quorum'
complete -c kq -n "__fish_kq_needs_command" -f -a "config" -d 'Get, set, unset and compare settings'
complete -c kq -n "__fish_kq_needs_command" -f -a "playground" -d 'Start brokers on loopback to try things on; Ctrl-C stops them'
complete -c kq -n "__fish_kq_needs_command" -f -a "doctor" -d 'Check the path from here to the cluster: names, ports, protocol, advertised addresses, leaders'
complete -c kq -n "__fish_kq_needs_command" -f -a "bench" -d 'Measure how fast a cluster takes and gives records'
complete -c kq -n "__fish_kq_needs_command" -f -a "profile" -d 'Keep named clusters with their settings'
complete -c kq -n "__fish_kq_needs_command" -f -a "completion" -d 'Print a shell\'s completion script'
complete -c kq -n "__fish_kq_needs_command" -f -a "generate" -d 'Write completions and man pages into a directory'
complete -c kq -n "__fish_kq_needs_command" -f -a "version" -d 'Print the version'
complete -c kq -n "__fish_kq_using_subcommand topic; and not __fish_seen_subcommand_from create list describe alter delete trim offsets elect-leaders move" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand topic; and not __fish_seen_subcommand_from create list describe alter delete trim offsets elect-leaders move" -f -a "create" -d 'Create topics'
complete -c kq -n "__fish_kq_using_subcommand topic; and not __fish_seen_subcommand_from create list describe alter delete trim offsets elect-leaders move" -f -a "list" -d 'List topics'
complete -c kq -n "__fish_kq_using_subcommand topic; and not __fish_seen_subcommand_from create list describe alter delete trim offsets elect-leaders move" -f -a "describe" -d 'Describe topics: partitions, settings, and what an acknowledgement promises'
complete -c kq -n "__fish_kq_using_subcommand topic; and not __fish_seen_subcommand_from create list describe alter delete trim offsets elect-leaders move" -f -a "alter" -d 'Change topics: settings, and the number of partitions'
complete -c kq -n "__fish_kq_using_subcommand topic; and not __fish_seen_subcommand_from create list describe alter delete trim offsets elect-leaders move" -f -a "delete" -d 'Delete topics and all their records'
complete -c kq -n "__fish_kq_using_subcommand topic; and not __fish_seen_subcommand_from create list describe alter delete trim offsets elect-leaders move" -f -a "trim" -d 'Delete a topic\'s oldest records'
complete -c kq -n "__fish_kq_using_subcommand topic; and not __fish_seen_subcommand_from create list describe alter delete trim offsets elect-leaders move" -f -a "offsets" -d 'Show a topic\'s offsets: first and next of each partition, or the offset at a point in time'
complete -c kq -n "__fish_kq_using_subcommand topic; and not __fish_seen_subcommand_from create list describe alter delete trim offsets elect-leaders move" -f -a "elect-leaders" -d 'Give partitions back to their preferred leaders, or, at a cost, a leader to those that have none'
complete -c kq -n "__fish_kq_using_subcommand topic; and not __fish_seen_subcommand_from create list describe alter delete trim offsets elect-leaders move" -f -a "move" -d 'Move partitions to other brokers; shows the plan, and carries it out with -y'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from create" -s p -l partitions -d 'Partitions of each [default: the broker\'s num.partitions]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from create" -s r -l replication-factor -d 'Replicas of each partition [default: the broker\'s default.replication.factor]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from create" -s c -l config -d 'A topic setting; repeat for more' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from create" -l replica-assignment -d 'Brokers of each partition: 1:2,2:3 puts partition 0 on brokers 1 and 2, partition 1 on 2 and 3' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from create" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from create" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from create" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from create" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from create" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from create" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from create" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from create" -l if-not-exists -d 'A topic that exists already is fine'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from create" -l wait -d 'Wait until every partition has a leader'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from create" -l dry-run -d 'Say what would be done, and let the broker check it; change nothing'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from create" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from create" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from list" -s r -l regex -d 'Only topics whose whole name matches' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from list" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from list" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from list" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from list" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from list" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from list" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from list" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from list" -s d -l detailed -d 'Show replicas, leaders and ids, too'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from list" -s i -l internal -d 'Show Kafka\'s own topics, too'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from list" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from describe" -s r -l regex -d 'Topics whose whole name matches' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from describe" -l section -d 'Only these parts: summary, partitions, configs, offsets, size' -r -f -a "summary\t'One line a topic, with its durability promise'
partitions\t'One line a partition'
configs\t'Settings that differ from the default'
offsets\t'First and next offset of each partition'
size\t'Bytes of each replica'"
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from describe" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from describe" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from describe" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from describe" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from describe" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from describe" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from describe" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from describe" -l under-replicated -d 'Only partitions with replicas out of sync'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from describe" -l unavailable -d 'Only partitions without a leader'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from describe" -l under-min-isr -d 'Only partitions with fewer in sync than min.insync.replicas'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from describe" -l at-min-isr -d 'Only partitions with exactly min.insync.replicas in sync'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from describe" -l with-overrides -d 'Only topics with settings of their own'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from describe" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from describe" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from describe" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from alter" -l set -d 'Set a setting' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from alter" -l unset -d 'Take a setting back to its default' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from alter" -l append -d 'Add to a setting that is a list' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from alter" -l subtract -d 'Take from a setting that is a list' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from alter" -l partitions -d 'Grow to this many partitions' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from alter" -l add-partitions -d 'Grow by this many partitions' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from alter" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from alter" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from alter" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from alter" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from alter" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from alter" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from alter" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from alter" -l dry-run -d 'Say what would be done, and let the broker check it; change nothing'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from alter" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from alter" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from alter" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from delete" -s r -l regex -d 'Topics whose whole name matches (never Kafka\'s own)' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from delete" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from delete" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from delete" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from delete" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from delete" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from delete" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from delete" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from delete" -l if-exists -d 'A topic that does not exist is fine'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from delete" -s y -l yes -d 'Go ahead without asking'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from delete" -l dry-run -d 'Say what would be done, and let the broker check it; change nothing'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from delete" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from delete" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from trim" -l to -d 'The new first offset: a number, end, or @TIME (the first record at or after it)' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from trim" -s p -l partition -d 'Only these partitions' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from trim" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from trim" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from trim" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from trim" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from trim" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from trim" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from trim" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from trim" -s y -l yes -d 'Go ahead without asking'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from trim" -l dry-run -d 'Say what would be done, and let the broker check it; change nothing'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from trim" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from trim" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from trim" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from offsets" -l time -d 'earliest, latest, max (the record with the largest timestamp), or @TIME: the first record at or after it' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from offsets" -s p -l partition -d 'Only these partitions' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from offsets" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from offsets" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from offsets" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from offsets" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from offsets" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from offsets" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from offsets" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from offsets" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from offsets" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from offsets" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from elect-leaders" -s p -l partition -d 'Only these partitions of the one topic that is named' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from elect-leaders" -l type -d 'preferred, or unclean' -r -f -a "preferred\t'The first replica, where it is in sync'
unclean\t'Where nobody leads: any replica that lives. Records may be lost'"
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from elect-leaders" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from elect-leaders" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from elect-leaders" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from elect-leaders" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from elect-leaders" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from elect-leaders" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from elect-leaders" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from elect-leaders" -s y -l yes -d 'Go ahead without asking'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from elect-leaders" -l dry-run -d 'Say what would be done, and let the broker check it; change nothing'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from elect-leaders" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from elect-leaders" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from elect-leaders" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from move" -s p -l partition -d 'These replicas for this partition, the preferred leader first; repeat for more' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from move" -l brokers -d 'Spread the partitions over these brokers, and move as little as that takes' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from move" -l plan -d 'What this file says' -r -F
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from move" -l export -d 'Write where the partitions are now into this file, as --plan takes it' -r -F
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from move" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from move" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from move" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from move" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from move" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from move" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from move" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from move" -l status -d 'Show what moves now'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from move" -l cancel -d 'Call moves off: partitions go back to where they were'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from move" -l wait -d 'Wait until all is where it should be, however long that takes, or for --timeout'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from move" -s y -l yes -l execute -d 'Do it'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from move" -l dry-run -d 'Only show what would be done, as without -y'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from move" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from move" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand topic; and __fish_seen_subcommand_from move" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand console-producer" -s t -l topic -d 'Topic to write to' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -s k -l key -d 'Key of every record' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -s H -l header -d 'Header of every record; several times for several' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -s p -l partition -d 'Partition of every record; else the key decides, and records without one go where there is room' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -s z -l compression-codec -l compress -d 'Compress batches: none, gzip, snappy, lz4, zstd, with a level as in zstd:9' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l timestamp -d 'Timestamp of every record: milliseconds since 1970, 2026-11-23T01:02:03Z, -1h [default: the input\'s, else now]' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l acks -l request-required-acks -d 'Who must have a record before it counts: all (-1), 1, 0' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l file -d 'Read from a file instead of standard input' -r -F
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l rate -d 'At most so many records per second' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l repeat -d 'Send every record N times' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l ack-format -d 'Print a line for each record that was written: %t topic, %p partition, %o offset, %T append time; \\n' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l transactional-id -d 'Write in transactions; this version of kq does not' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l input -d 'How the input is laid out' -r -f -a "raw\t'One record a line, as reader properties say'
json\t'One JSON object a line, as `kq console-consumer --output json` writes them'
csv\t'Comma-separated with a heading: key, value, partition, timestamp, header.NAME'"
complete -c kq -n "__fish_kq_using_subcommand console-producer" -s f -l format -d 'Template: %k key, %v value, %h headers (a=1,b=2), %p partition, %T timestamp; \\t \\n between. What stands last ends a record' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l null-value -d 'Keys, values and header values equal to this are null' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l reader-property -d 'parse.key, parse.headers, ignore.error, key.separator, headers.delimiter, headers.separator, headers.key.separator, null.marker' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l property -d 'Old name of --reader-property' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l reader-config -d 'Properties file for the reader' -r -F
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l line-reader -d 'Kafka\'s reader class; the default one is known' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l batch-size -d 'Bytes of records to collect for one batch [default: 262144]' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l max-partition-memory-bytes -d 'Old name of --batch-size' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l timeout -d 'How many milliseconds to wait for more records (linger.ms) [default: 5]' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l message-send-max-retries -d 'Attempts after the first, where the broker answers with an error that may pass' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l retry-backoff-ms -d 'Pause before trying again' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l request-timeout-ms -d 'How long a request may take' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l max-block-ms -d 'How long to wait for the topic and for room' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l max-memory-bytes -d 'Bytes of records that may wait to be sent' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l metadata-expiry-ms -d 'Accepted for Kafka\'s sake: metadata is refreshed when it proves old' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l socket-buffer-size -d 'Accepted for Kafka\'s sake: the kernel sizes socket buffers' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l command-property -d 'Client setting, as -X' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l producer-property -d 'Old name of --command-property' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l producer.config -d 'Old name of --command-config' -r -F
complete -c kq -n "__fish_kq_using_subcommand console-producer" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand console-producer" -s Z -l tombstone -d 'An empty value is a tombstone'
complete -c kq -n "__fish_kq_using_subcommand console-producer" -l sync -d 'Send each record alone and wait for it'
complete -c kq -n "__fish_kq_using_subcommand console-producer" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand console-producer" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand console-producer" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -s t -l topic -d 'Topic to read' -r
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -l include -d 'Read every topic whose whole name matches' -r
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -s p -l partition -d 'Only these partitions' -r
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -s o -l offset -d 'Where to begin, or from where to where: start, end, 42, -10 (before the end), +10 (after the start), @TIME, A:B' -r
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -l tail -d 'The last N records of each partition, then exit' -r
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -s n -l max-messages -d 'Exit after so many records' -r
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -l timeout-ms -d 'Exit when no record has come for so many milliseconds' -r
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -s g -l group -d 'Read as a member of this group: its members share the partitions, and go on where it has committed' -r
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -l isolation-level -d 'Which transactions to show' -r -f -a "read_uncommitted\t'All records'
read_committed\t'No records of open or aborted transactions'"
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -l grep -d 'Only records that match: k:REGEX, v:REGEX, h:NAME=REGEX; given several times, all must match' -r
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -l output -d 'Form of the output' -r -f -a "text\t'As Kafka\'s console consumer: the value, and what formatter properties add'
json\t'One JSON object a line; `kq console-producer --input json` reads it back'
pretty\t'JSON over several lines'
hex\t'Key, headers and value in hex'
raw\t'Values without anything between them'"
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -s f -l format -d 'Template: %k key, %v value, %t topic, %p partition, %o offset, %T timestamp, %h headers, %K and %V lengths; \\t \\n' -r
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -l print -d 'Parts to print: topic, partition, offset, ts, epoch, headers, key, value' -r
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -l key-deserializer -d 'Kafka\'s class for keys (String, Long, …)' -r
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -l value-deserializer -d 'Kafka\'s class for values (String, Long, …)' -r
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -l formatter -d 'Kafka\'s formatter class; the default one and NoOpMessageFormatter are known' -r
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -l formatter-config -d 'Properties file for the formatter' -r -F
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -l formatter-property -d 'print.key, print.timestamp, print.partition, print.offset, print.epoch, print.headers, print.value, key.separator, line.separator, headers.separator, null.literal, key.deserializer, value.deserializer, headers.deserializer' -r
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -l property -d 'Old name of --formatter-property' -r
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -l command-property -d 'Client setting, as -X' -r
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -l consumer-property -d 'Old name of --command-property' -r
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -l consumer.config -d 'Old name of --command-config' -r -F
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -l from-beginning -d 'Begin with the first record'
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -s e -l exit-at-end -d 'Exit at the end of what is there now'
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -l wait-topic -d 'Wait for a topic that does not exist yet'
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -l meta-only -d 'Topic, partition, offset, timestamp, key size, value size, number of headers; no content'
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -l skip-message-on-error -d 'Skip records that the deserializer does not take'
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -l enable-systest-events -d 'Say when the consumer stops, for Kafka\'s system tests'
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand console-consumer" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kq -n "__fish_kq_using_subcommand dump-log" -l files -d 'The files, with commas between' -r -F
complete -c kq -n "__fish_kq_using_subcommand dump-log" -l max-message-size -d 'The largest batch that an index may point at' -r
complete -c kq -n "__fish_kq_using_subcommand dump-log" -l max-bytes -d 'Read so many bytes of each log at most' -r
complete -c kq -n "__fish_kq_using_subcommand dump-log" -l key-decoder-class -d 'What keys are: StringDecoder, LongDecoder, IntegerDecoder' -r
complete -c kq -n "__fish_kq_using_subcommand dump-log" -l value-decoder-class -d 'What values are: StringDecoder, LongDecoder, IntegerDecoder' -r
complete -c kq -n "__fish_kq_using_subcommand dump-log" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand dump-log" -l print-data-log -d 'Print each record with its key and value'
complete -c kq -n "__fish_kq_using_subcommand dump-log" -l deep-iteration -d 'Print each record, not only batches'
complete -c kq -n "__fish_kq_using_subcommand dump-log" -l skip-record-metadata -d 'Print keys and values only'
complete -c kq -n "__fish_kq_using_subcommand dump-log" -l verify-index-only -d 'Check indexes against the log without printing them'
complete -c kq -n "__fish_kq_using_subcommand dump-log" -l index-sanity-check -d 'Check indexes as a broker does at its start, without printing them'
complete -c kq -n "__fish_kq_using_subcommand dump-log" -l cluster-metadata-decoder -d 'The records are those of the cluster\'s metadata'
complete -c kq -n "__fish_kq_using_subcommand dump-log" -l offsets-decoder -d 'The records are those of __consumer_offsets; this version of kq does not read them'
complete -c kq -n "__fish_kq_using_subcommand dump-log" -l transaction-log-decoder -d 'The records are those of __transaction_state; this version of kq does not read them'
complete -c kq -n "__fish_kq_using_subcommand dump-log" -l remote-log-metadata-decoder -d 'The records are those of tiered storage; this version of kq does not read them'
complete -c kq -n "__fish_kq_using_subcommand dump-log" -l share-group-state-decoder -d 'The records are those of share groups; this version of kq does not read them'
complete -c kq -n "__fish_kq_using_subcommand dump-log" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand dump-log" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand dump-log" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kq -n "__fish_kq_using_subcommand group; and not __fish_seen_subcommand_from list describe lag seek delete delete-offsets copy" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand group; and not __fish_seen_subcommand_from list describe lag seek delete delete-offsets copy" -f -a "list" -d 'List groups'
complete -c kq -n "__fish_kq_using_subcommand group; and not __fish_seen_subcommand_from list describe lag seek delete delete-offsets copy" -f -a "describe" -d 'Describe groups: offsets and lag, members, state'
complete -c kq -n "__fish_kq_using_subcommand group; and not __fish_seen_subcommand_from list describe lag seek delete delete-offsets copy" -f -a "lag" -d 'Show how far groups are behind; exit with 10 when one is too far'
complete -c kq -n "__fish_kq_using_subcommand group; and not __fish_seen_subcommand_from list describe lag seek delete delete-offsets copy" -f -a "seek" -d 'Move a group\'s offsets; shows what would change, and changes it with -y'
complete -c kq -n "__fish_kq_using_subcommand group; and not __fish_seen_subcommand_from list describe lag seek delete delete-offsets copy" -f -a "delete" -d 'Delete groups and all that they have committed'
complete -c kq -n "__fish_kq_using_subcommand group; and not __fish_seen_subcommand_from list describe lag seek delete delete-offsets copy" -f -a "delete-offsets" -d 'Forget what a group has committed for some partitions'
complete -c kq -n "__fish_kq_using_subcommand group; and not __fish_seen_subcommand_from list describe lag seek delete delete-offsets copy" -f -a "copy" -d 'Give a group the offsets of another one'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from list" -l state -d 'Only groups in these states: stable, empty, dead, preparing-rebalance, completing-rebalance, assigning, reconciling' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from list" -l type -d 'Only groups of these types: classic, consumer, share, streams' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from list" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from list" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from list" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from list" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from list" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from list" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from list" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from list" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from describe" -l group -d 'Old way of naming a group, as in Kafka\'s tool' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from describe" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from describe" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from describe" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from describe" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from describe" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from describe" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from describe" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from describe" -l offsets -d 'Committed offsets, ends of the logs, lag, and who reads'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from describe" -l members -d 'One line a member'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from describe" -l state -d 'One line a group'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from describe" -l only-lag -d 'Only partitions with records left to read'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from describe" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from describe" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from describe" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from lag" -l by -d 'One line a group, topic or partition' -r -f -a "group\t'A group'
topic\t'A topic that a group reads'
partition\t'A partition that a group reads'"
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from lag" -l max-lag -d 'Exit with 10 when a line shows more than this' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from lag" -l interval -d 'How often --watch looks' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from lag" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from lag" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from lag" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from lag" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from lag" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from lag" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from lag" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from lag" -l watch -d 'Show it again and again, until interrupted or --max-lag is exceeded'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from lag" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from lag" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from lag" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from seek" -l group -d 'Old way of naming the group, as in Kafka\'s tool' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from seek" -l to -d 'earliest, latest, current, an OFFSET, +N, -N (so many records further or back), @TIME, -PT1H, group:GROUP, file:CSV' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from seek" -l topic -d 'Only this topic, or these partitions of it [default: all that the group has committed]' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from seek" -l export -d 'Write the new offsets into this file as CSV; - is standard output' -r -F
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from seek" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from seek" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from seek" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from seek" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from seek" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from seek" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from seek" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from seek" -s y -l yes -l execute -d 'Do it'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from seek" -l dry-run -d 'Only show what would change, as without -y'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from seek" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from seek" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from seek" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete" -l group -d 'Old way of naming a group, as in Kafka\'s tool' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete" -l if-exists -d 'A group that does not exist is fine'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete" -s y -l yes -d 'Go ahead without asking'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete" -l dry-run -d 'Say what would be done, and let the broker check it; change nothing'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete-offsets" -l group -d 'Old way of naming the group, as in Kafka\'s tool' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete-offsets" -l topic -d 'The topic, or these partitions of it; several times for several topics' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete-offsets" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete-offsets" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete-offsets" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete-offsets" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete-offsets" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete-offsets" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete-offsets" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete-offsets" -s y -l yes -d 'Go ahead without asking'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete-offsets" -l dry-run -d 'Say what would be done, and let the broker check it; change nothing'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete-offsets" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete-offsets" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from delete-offsets" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from copy" -l topic -d 'Only this topic, or these partitions of it' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from copy" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from copy" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from copy" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from copy" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from copy" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from copy" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from copy" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from copy" -s y -l yes -d 'Go ahead without asking'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from copy" -l dry-run -d 'Say what would be done, and let the broker check it; change nothing'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from copy" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from copy" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand group; and __fish_seen_subcommand_from copy" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand cluster; and not __fish_seen_subcommand_from health" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand cluster; and not __fish_seen_subcommand_from health" -f -a "health" -d 'Say whether every broker is up and every partition has all its replicas; exit with 10 when not'
complete -c kq -n "__fish_kq_using_subcommand cluster; and __fish_seen_subcommand_from health" -l interval -d 'How often to look' -r
complete -c kq -n "__fish_kq_using_subcommand cluster; and __fish_seen_subcommand_from health" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand cluster; and __fish_seen_subcommand_from health" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand cluster; and __fish_seen_subcommand_from health" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand cluster; and __fish_seen_subcommand_from health" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand cluster; and __fish_seen_subcommand_from health" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand cluster; and __fish_seen_subcommand_from health" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand cluster; and __fish_seen_subcommand_from health" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand cluster; and __fish_seen_subcommand_from health" -l exit-when-healthy -d 'Wait until it is healthy: for --timeout where it is given'
complete -c kq -n "__fish_kq_using_subcommand cluster; and __fish_seen_subcommand_from health" -l watch -d 'Show it again whenever something is different, until interrupted'
complete -c kq -n "__fish_kq_using_subcommand cluster; and __fish_seen_subcommand_from health" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand cluster; and __fish_seen_subcommand_from health" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand cluster; and __fish_seen_subcommand_from health" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand broker; and not __fish_seen_subcommand_from list describe logdirs decommission api-versions" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand broker; and not __fish_seen_subcommand_from list describe logdirs decommission api-versions" -f -a "list" -d 'List the cluster\'s brokers'
complete -c kq -n "__fish_kq_using_subcommand broker; and not __fish_seen_subcommand_from list describe logdirs decommission api-versions" -f -a "describe" -d 'Describe one broker: address, load, directories, settings'
complete -c kq -n "__fish_kq_using_subcommand broker; and not __fish_seen_subcommand_from list describe logdirs decommission api-versions" -f -a "logdirs" -d 'Show the log directories and what is in them'
complete -c kq -n "__fish_kq_using_subcommand broker; and not __fish_seen_subcommand_from list describe logdirs decommission api-versions" -f -a "decommission" -d 'Take everything off a broker and let the cluster forget it; shows the plan, and carries it out with -y'
complete -c kq -n "__fish_kq_using_subcommand broker; and not __fish_seen_subcommand_from list describe logdirs decommission api-versions" -f -a "api-versions" -d 'Show which requests a broker takes, in which versions'
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from list" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from list" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from list" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from list" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from list" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from list" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from list" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from list" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from describe" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from describe" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from describe" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from describe" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from describe" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from describe" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from describe" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from describe" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from describe" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from describe" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from logdirs" -l by -d 'One line a dir, partition, or topic' -r -f -a "dir\t'A directory'
partition\t'A replica'
topic\t'A topic, all brokers together'"
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from logdirs" -l sort -d 'In the order of name or size' -r -f -a "name\t'By broker, directory, topic'
size\t'Largest first'"
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from logdirs" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from logdirs" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from logdirs" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from logdirs" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from logdirs" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from logdirs" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from logdirs" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from logdirs" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from logdirs" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from logdirs" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from decommission" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from decommission" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from decommission" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from decommission" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from decommission" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from decommission" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from decommission" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from decommission" -l status -d 'Show how far it is'
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from decommission" -l cancel -d 'Call it off: what moves goes back to it. What has moved stays where it is'
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from decommission" -s y -l yes -d 'Do it'
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from decommission" -l dry-run -d 'Only show what would be done, as without -y'
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from decommission" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from decommission" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from decommission" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from api-versions" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from api-versions" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from api-versions" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from api-versions" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from api-versions" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from api-versions" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from api-versions" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from api-versions" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from api-versions" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand broker; and __fish_seen_subcommand_from api-versions" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand quorum; and not __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand quorum; and not __fish_seen_subcommand_from status" -f -a "status" -d 'Show who leads the metadata quorum, and how far its members have come'
complete -c kq -n "__fish_kq_using_subcommand quorum; and __fish_seen_subcommand_from status" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand quorum; and __fish_seen_subcommand_from status" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand quorum; and __fish_seen_subcommand_from status" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand quorum; and __fish_seen_subcommand_from status" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand quorum; and __fish_seen_subcommand_from status" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand quorum; and __fish_seen_subcommand_from status" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand quorum; and __fish_seen_subcommand_from status" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand quorum; and __fish_seen_subcommand_from status" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand quorum; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand quorum; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand config; and not __fish_seen_subcommand_from get set unset diff" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand config; and not __fish_seen_subcommand_from get set unset diff" -f -a "get" -d 'Show settings in force: those that differ from the default, or the ones named, or all'
complete -c kq -n "__fish_kq_using_subcommand config; and not __fish_seen_subcommand_from get set unset diff" -f -a "set" -d 'Change settings; they take effect at once'
complete -c kq -n "__fish_kq_using_subcommand config; and not __fish_seen_subcommand_from get set unset diff" -f -a "unset" -d 'Take settings back to their defaults'
complete -c kq -n "__fish_kq_using_subcommand config; and not __fish_seen_subcommand_from get set unset diff" -f -a "diff" -d 'Compare settings: of two topics or brokers, or of one with its defaults'
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from get" -l entity -d 'What has the settings: topic, broker, cluster or group; may stand first among the words instead' -r -f -a "topic\t'A topic'
broker\t'One broker'
cluster\t'All brokers'
group\t'A group of consumers'"
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from get" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from get" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from get" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from get" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from get" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from get" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from get" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from get" -s a -l all -d 'Those at their defaults, too'
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from get" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from get" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from get" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from set" -l entity -d 'What has the settings: topic, broker, cluster or group; may stand first among the words instead' -r -f -a "topic\t'A topic'
broker\t'One broker'
cluster\t'All brokers'
group\t'A group of consumers'"
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from set" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from set" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from set" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from set" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from set" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from set" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from set" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from set" -l dry-run -d 'Let the broker check it; change nothing'
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from set" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from set" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from unset" -l entity -d 'What has the settings: topic, broker, cluster or group; may stand first among the words instead' -r -f -a "topic\t'A topic'
broker\t'One broker'
cluster\t'All brokers'
group\t'A group of consumers'"
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from unset" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from unset" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from unset" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from unset" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from unset" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from unset" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from unset" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from unset" -l dry-run -d 'Let the broker check it; change nothing'
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from unset" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from unset" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from unset" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from diff" -l entity -d 'What has the settings: topic, broker, cluster or group; may stand first among the words instead' -r -f -a "topic\t'A topic'
broker\t'One broker'
cluster\t'All brokers'
group\t'A group of consumers'"
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from diff" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from diff" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from diff" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from diff" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from diff" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from diff" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from diff" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from diff" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from diff" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand config; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand playground; and not __fish_seen_subcommand_from kill restart" -s n -l brokers -d 'How many brokers: several are a cluster' -r
complete -c kq -n "__fish_kq_using_subcommand playground; and not __fish_seen_subcommand_from kill restart" -l data-dir -d 'Keep the data here, and find it again next time [default: a directory that is removed at the end]' -r -F
complete -c kq -n "__fish_kq_using_subcommand playground; and not __fish_seen_subcommand_from kill restart" -l port -d 'Listen on this port of 127.0.0.1, and the ones after it for more brokers [default: 9092 if it is free, else any]' -r
complete -c kq -n "__fish_kq_using_subcommand playground; and not __fish_seen_subcommand_from kill restart" -l topic -d 'The topic to make' -r
complete -c kq -n "__fish_kq_using_subcommand playground; and not __fish_seen_subcommand_from kill restart" -l override -d 'A broker setting by its Kafka name; repeat for more' -r
complete -c kq -n "__fish_kq_using_subcommand playground; and not __fish_seen_subcommand_from kill restart" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand playground; and not __fish_seen_subcommand_from kill restart" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand playground; and not __fish_seen_subcommand_from kill restart" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand playground; and not __fish_seen_subcommand_from kill restart" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand playground; and not __fish_seen_subcommand_from kill restart" -f -a "kill" -d 'End one of its brokers as a crash would, with SIGKILL'
complete -c kq -n "__fish_kq_using_subcommand playground; and not __fish_seen_subcommand_from kill restart" -f -a "restart" -d 'Start one of its brokers again; one that runs is stopped cleanly before'
complete -c kq -n "__fish_kq_using_subcommand playground; and __fish_seen_subcommand_from kill" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand playground; and __fish_seen_subcommand_from kill" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand playground; and __fish_seen_subcommand_from kill" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand playground; and __fish_seen_subcommand_from kill" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand playground; and __fish_seen_subcommand_from restart" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand playground; and __fish_seen_subcommand_from restart" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand playground; and __fish_seen_subcommand_from restart" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand playground; and __fish_seen_subcommand_from restart" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand doctor" -l topic -d 'Write one record to this topic and read it back' -r
complete -c kq -n "__fish_kq_using_subcommand doctor" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand doctor" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand doctor" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand doctor" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand doctor" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand doctor" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand doctor" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand doctor" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand doctor" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand bench; and not __fish_seen_subcommand_from produce consume e2e compare curves" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand bench; and not __fish_seen_subcommand_from produce consume e2e compare curves" -f -a "produce" -d 'Measure writing: pipelined requests over several connections'
complete -c kq -n "__fish_kq_using_subcommand bench; and not __fish_seen_subcommand_from produce consume e2e compare curves" -f -a "consume" -d 'Measure reading: a topic from its beginning to where it ends now'
complete -c kq -n "__fish_kq_using_subcommand bench; and not __fish_seen_subcommand_from produce consume e2e compare curves" -f -a "e2e" -d 'Measure the time from sending a record to having read it, one at a time'
complete -c kq -n "__fish_kq_using_subcommand bench; and not __fish_seen_subcommand_from produce consume e2e compare curves" -f -a "compare" -d 'Compare kqd with Apache Kafka on this machine: the same loads on both, in turns'
complete -c kq -n "__fish_kq_using_subcommand bench; and not __fish_seen_subcommand_from produce consume e2e compare curves" -f -a "curves" -d 'Measure what a request costs kqd as partitions, connections, producers and the log grow'
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -s t -l topic -d 'The topic; `kq-bench` is made when it is missing, others with --create-topic' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -l partitions -d 'Partitions of the topic, when it is made' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -l replication-factor -d 'Replicas of each partition, when it is made [default: the broker\'s]' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -l num-records -d 'Records to write [default: 1000000, or as many as --duration allows]' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -l record-size -d 'Bytes of each record\'s value' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -l payload-file -d 'Take the values from this file' -r -F
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -l payload-delimiter -d 'What stands between two values in the file' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -l throughput -d 'Records a second, all connections together; -1 for as many as will go' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -l batch-size -d 'Bytes of records in one request [default: batch.size, 16384]' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -l records-per-batch -d 'Records in one request, instead of --batch-size' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -l connections -d 'Connections' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -l partition -d 'Only this partition' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -l tcp-congestion -d 'Congestion control of the connections, such as cubic [default: the system\'s]' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -l in-flight -d 'Requests sent ahead of their answers, on each connection [default: 5]' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -l partitions-spread -d 'Which partitions a connection writes to' -r -f -a "round-robin\t'Each connection writes to all partitions of its broker in turns'
sticky\t'Each connection keeps to one partition'"
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -l acks -d 'Who must have a record before it counts: all, 1, or 0 (nobody: no answer) [default: all]' -r -f -a "all\t''
-1\t''
1\t''
0\t''"
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -s z -l compression -d 'none, gzip, snappy, lz4, zstd [default: none]' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -l warmup-records -d 'The first so many of the records are summed up apart, as warm-up' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -l duration -d 'Stop sending after this long' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -l command-property -d 'A client setting, as -X; those that kq does not know are passed over' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -l producer.config -r -F
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -l reporting-interval -d 'Milliseconds between words on progress, on stderr' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -l create-topic -d 'Make the topic when it is missing'
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -l idempotent -d 'Be an idempotent producer on each connection: a sequence and a checksum of its own for each request'
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -l histogram -d 'Draw the latencies even where stderr is not read by people'
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -l print-metrics -d 'Accepted, and without effect: -o json has all figures'
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from produce" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from consume" -s t -l topic -d 'The topic' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from consume" -l num-records -d 'Stop after this many records [default: all that there are]' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from consume" -l fetch-size -d 'Most bytes of one partition in one answer' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from consume" -l connections -d 'Connections' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from consume" -l partition -d 'Only this partition' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from consume" -l tcp-congestion -d 'Congestion control of the connections, such as cubic [default: the system\'s]' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from consume" -l duration -d 'Stop after this long' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from consume" -l command-property -d 'A client setting, as -X; those that kq does not know are passed over' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from consume" -l producer.config -r -F
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from consume" -l reporting-interval -d 'Milliseconds between words on progress, on stderr' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from consume" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from consume" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from consume" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from consume" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from consume" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from consume" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from consume" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from consume" -l repeat -d 'Read from the beginning again when the end is reached, until --num-records or --duration'
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from consume" -l verify -d 'Check every batch\'s checksum'
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from consume" -l hide-header -d 'Do not print the heading'
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from consume" -l histogram -d 'Draw the latencies of requests, on stderr'
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from consume" -l print-metrics -d 'Accepted, and without effect: -o json has all figures'
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from consume" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from consume" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from consume" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from e2e" -s t -l topic -d 'The topic; `kq-bench` is made when it is missing, others with --create-topic' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from e2e" -l partitions -d 'Partitions of the topic, when it is made' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from e2e" -l replication-factor -d 'Replicas of each partition, when it is made [default: the broker\'s]' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from e2e" -l num-records -d 'Records to send' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from e2e" -l record-size -d 'Bytes of each record\'s value' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from e2e" -l acks -d 'Who must have a record before it counts: all or 1' -r -f -a "all\t''
-1\t''
1\t''"
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from e2e" -l command-property -d 'A client setting, as -X; those that kq does not know are passed over' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from e2e" -l producer.config -r -F
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from e2e" -l reporting-interval -d 'Milliseconds between words on progress, on stderr' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from e2e" -s b -l bootstrap-server -d 'Brokers to start from; several with commas [env: KQ_BOOTSTRAP_SERVER] [default: the profile\'s, else 127.0.0.1:9092]' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from e2e" -s C -l cluster -d 'Use this profile (see `kq profile`) [env: KQ_CLUSTER]' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from e2e" -s X -d 'Set a client setting by its Kafka name; `-X list` shows them' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from e2e" -l command-config -d 'Read client settings from a Kafka properties file' -r -F
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from e2e" -l timeout -d 'Give up after this long (30s, 500ms, 2m) with exit code 124 [default: 30s]' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from e2e" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from e2e" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from e2e" -l create-topic -d 'Make the topic when it is missing'
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from e2e" -l histogram -d 'Draw the latencies, on stderr'
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from e2e" -l print-metrics -d 'Accepted, and without effect: -o json has all figures'
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from e2e" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from e2e" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from e2e" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from compare" -l row -d 'Only this row; may be given several times [default: all]' -r -f -a "tiny\t''
tiny-synced\t''
16k-1\t''
16k-16\t''
16k-16-synced\t''
1m-4\t''
fetch-64k\t''
fetch-1m\t''
open-loop\t''
producer-tool\t''
producer-tool-1000\t''
partitions-5000\t''
memory\t''
start\t''
kill\t''
topic-list\t''
group-join\t''
group-commits\t''
group-load\t''
consumer-tool\t''"
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from compare" -l only -d 'Only this broker' -r -f -a "kqd\t'This one'
kafka\t'Apache Kafka'"
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from compare" -l rounds -d 'Runs of each row on each broker' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from compare" -l seconds -d 'Seconds of one run: beyond four, the disk\'s own pace shows' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from compare" -l warm-seconds -d 'Seconds of load before a run of Kafka that do not count, as a JVM compiles while it runs; kqd gets one at most' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from compare" -l warm-bytes -d 'Bytes written and deleted before a run, so that no page of the cache is new' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from compare" -l data-dir -d 'Where the brokers keep their data, on the disk to measure [default: the system\'s temporary directory]' -r -F
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from compare" -l kqd -d 'Another kqd to measure [default: the one in this program]' -r -F
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from compare" -l kafka-jars -d 'Where Apache Kafka\'s jars are [env: KAFKA_JARS] [default: where tests/run keeps them]' -r -F
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from compare" -l svg -d 'Draw the comparison into this file' -r -F
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from compare" -l markdown -d 'Write the table into this file, in Markdown' -r -F
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from compare" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from compare" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from compare" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from compare" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from compare" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from curves" -l curve -d 'Only this curve; may be given several times [default: all]' -r -f -a "partitions\t'Partitions, written in turns'
idle-partitions\t'Partitions that have data and are not written, beside one that is'
connections\t'Idle connections beside 16 busy ones'
producers\t'Producer ids that the broker knows'
log\t'Gigabytes of log before what is written'"
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from curves" -l most -d 'Stop a curve at this point: a quick look' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from curves" -l record-size -d 'Bytes of each value' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from curves" -l records-per-batch -d 'Records in a request' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from curves" -l rounds -d 'Runs of each point' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from curves" -l seconds -d 'Seconds of one run: beyond four, the disk\'s own pace shows' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from curves" -l warm-seconds -d 'Seconds of load before a run of Kafka that do not count, as a JVM compiles while it runs; kqd gets one at most' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from curves" -l warm-bytes -d 'Bytes written and deleted before a run, so that no page of the cache is new' -r
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from curves" -l data-dir -d 'Where the brokers keep their data, on the disk to measure [default: the system\'s temporary directory]' -r -F
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from curves" -l kqd -d 'Another kqd to measure [default: the one in this program]' -r -F
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from curves" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from curves" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from curves" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from curves" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand bench; and __fish_seen_subcommand_from curves" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kq -n "__fish_kq_using_subcommand profile; and not __fish_seen_subcommand_from create use list print edit delete" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand profile; and not __fish_seen_subcommand_from create use list print edit delete" -f -a "create" -d 'Make a profile, or replace one; the first one is used from then on'
complete -c kq -n "__fish_kq_using_subcommand profile; and not __fish_seen_subcommand_from create use list print edit delete" -f -a "use" -d 'Use a profile from now on'
complete -c kq -n "__fish_kq_using_subcommand profile; and not __fish_seen_subcommand_from create use list print edit delete" -f -a "list" -d 'List profiles'
complete -c kq -n "__fish_kq_using_subcommand profile; and not __fish_seen_subcommand_from create use list print edit delete" -f -a "print" -d 'Print the settings of a profile, or all that are in force and where they come from'
complete -c kq -n "__fish_kq_using_subcommand profile; and not __fish_seen_subcommand_from create use list print edit delete" -f -a "edit" -d 'Open the profiles in $EDITOR'
complete -c kq -n "__fish_kq_using_subcommand profile; and not __fish_seen_subcommand_from create use list print edit delete" -f -a "delete" -d 'Delete a profile'
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from create" -s b -l bootstrap-server -d 'Brokers to start from; several with commas' -r
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from create" -s X -d 'A client setting by its Kafka name; repeat for more' -r
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from create" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from create" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from create" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from create" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from use" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from use" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from use" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from use" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from use" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from list" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from list" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from list" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from print" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from print" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from print" -l resolved -d 'Every setting in force with its origin'
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from print" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from print" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from print" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from edit" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from edit" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from edit" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from edit" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from edit" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from delete" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from delete" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from delete" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from delete" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand profile; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand completion" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand generate" -s h -l help -d 'Print help'
complete -c kq -n "__fish_kq_using_subcommand version" -s o -l output -d 'Form of the output: table, wide, json, yaml, tsv, or schema (what it consists of)' -r -f -a "table\t'Aligned columns'
wide\t'Aligned columns, all of them'
json\t'One JSON document'
yaml\t'One YAML document'
tsv\t'Tab-separated, no heading, for cut and awk'
schema\t'What the output consists of'"
complete -c kq -n "__fish_kq_using_subcommand version" -l color -d 'When to use colours: auto (on a terminal, unless NO_COLOR is set), always, never' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c kq -n "__fish_kq_using_subcommand version" -l json -d 'As JSON (the same as -o json)'
complete -c kq -n "__fish_kq_using_subcommand version" -s v -d 'Say what is done; twice: every request'
complete -c kq -n "__fish_kq_using_subcommand version" -s q -l quiet -d 'Errors only'
complete -c kq -n "__fish_kq_using_subcommand version" -s h -l help -d 'Print help'
