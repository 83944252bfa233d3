//! kq: the operator tool.
fn main() {}
