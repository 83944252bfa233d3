//! Stories of the classic protocol and of offsets, told to one shard.

mod classic;
mod limits;
mod offsets;
mod own;
mod restarts;
mod statics;
mod teller;

use expect_test::Expect;
use teller::Teller;

/// A group that does not wait for its first members.
const AT_ONCE: &str = "group.initial.rebalance.delay.ms=0\n";
/// Two members, `a` leads: generation 1 of both is stable.
const TWO: &str = "join a; join b; join a; join b; time 0; sync b gen=1; sync a gen=1 gives=a:0,b:1";

fn check(story: &str, expected: Expect) {
    expected.assert_eq(&Teller::new(AT_ONCE).tell(story));
}

/// Tells what comes after [`TWO`].
fn after_two(story: &str, expected: Expect) {
    let whole = Teller::new(AT_ONCE).tell(&format!("{TWO}; time 0; {story}"));
    let told = whole.split_once("> time 0\n").and_then(|(_, rest)| rest.split_once("> time 0\n"));
    expected.assert_eq(told.map_or("", |(_, rest)| rest));
}

fn check_with(properties: &str, story: &str, expected: Expect) {
    expected.assert_eq(&Teller::new(&format!("{AT_ONCE}{properties}")).tell(story));
}

#[test]
fn a_group_has_the_partition_that_kafka_gives_it() {
    // String.hashCode: "test" is 3556498, "payment-processors" is -885514168, "polygenelubricants" is i32::MIN.
    assert_eq!(super::partition_of("test", 50), 48);
    assert_eq!(super::partition_of("payment-processors", 50), 18);
    assert_eq!(super::partition_of("polygenelubricants", 50), 0);
    assert_eq!(super::partition_of("", 50), 0);
}
