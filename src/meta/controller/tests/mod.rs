//! The controller's stories, by the rules of replication that they show.

mod lives;
mod moves;
mod proposals;
mod teller;

use expect_test::Expect;

fn check(story: &str, expected: Expect) {
    expected.assert_eq(&teller::Teller::default().tell(story));
}
