//! What the console commands share: how records look as text.

pub mod base64;
pub mod decoder;
pub mod escape;
pub mod properties;
pub mod template;

pub use properties::Properties;
pub use template::Template;
