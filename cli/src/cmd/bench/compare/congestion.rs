//! Cubic on both ends. kqd and `kq bench` are told; Kafka's sockets take what the system prefers, which is set for the
//! time of the comparison where that is allowed.

use std::path::PathBuf;

/// The congestion control of all connections.
pub const CUBIC: &str = "cubic";
const PREFERRED: &str = "/proc/sys/net/ipv4/tcp_congestion_control";
const AVAILABLE: &str = "/proc/sys/net/ipv4/tcp_available_congestion_control";

/// Sets the system's preference back when it goes.
pub struct Preference {
    path: PathBuf,
    before: Option<String>,
}

impl Drop for Preference {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = std::fs::write(&self.path, before);
        }
    }
}

/// Whether the system has cubic.
pub fn is_available() -> bool {
    std::fs::read_to_string(AVAILABLE).is_ok_and(|text| text.split_whitespace().any(|word| word == CUBIC))
}

/// Makes cubic the system's preference. The text says what holds for Kafka.
pub fn prefer() -> (Preference, String) {
    prefer_at(PREFERRED.into())
}

fn prefer_at(path: PathBuf) -> (Preference, String) {
    let preferred = std::fs::read_to_string(&path).unwrap_or_default().trim().to_string();
    if preferred == CUBIC {
        return (Preference { path, before: None }, "cubic on both ends: the system's preference".into());
    }
    match std::fs::write(&path, CUBIC) {
        Ok(()) => {
            let text = format!("cubic on both ends: net.ipv4.tcp_congestion_control was {preferred} and is set back");
            (Preference { path, before: Some(preferred) }, text)
        }
        Err(error) => {
            let name = if preferred.is_empty() { "unknown" } else { &preferred };
            let text =
                format!("Kafka's sockets use {name}, as net.ipv4.tcp_congestion_control cannot be set ({error})");
            (Preference { path, before: None }, text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preference_is_set_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control");
        std::fs::write(&path, "bbr\n").unwrap();
        let (held, text) = prefer_at(path.clone());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), CUBIC);
        assert!(text.contains("was bbr"), "{text}");
        drop(held);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "bbr");
        let (_held, text) = prefer_at(dir.path().join("nowhere/control"));
        assert!(text.contains("cannot be set"), "{text}");
    }
}
