//! Apache Kafka from its Maven jars: where they are, and how its start script would start it.

use crate::failure::Failure;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The version that is compared with.
pub const VERSION: &str = "4.3.1";
/// Heap and collector as in Kafka's start script.
const SERVER_FLAGS: [&str; 8] = [
    "-Xmx1G",
    "-Xms1G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
];
/// What its tools get from the same script.
const TOOL_FLAGS: [&str; 2] = ["-Xmx512M", "-XX:+UseG1GC"];
const LOGGING: &str = "status = error\nrootLogger.level = warn\nrootLogger.appenderRef.e.ref = e\n\
    appender.e.type = Console\nappender.e.name = e\nappender.e.target = SYSTEM_ERR\n\
    appender.e.layout.type = PatternLayout\nappender.e.layout.pattern = %d %p %c: %m%n\n";

/// The jars.
#[derive(Clone, Debug)]
pub struct Jars {
    dir: PathBuf,
    logging: PathBuf,
}

/// Where `tests/run` keeps them.
fn default_dir(cache: Option<PathBuf>, xdg: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    let cache = cache.or_else(|| xdg.or_else(|| home.map(|home| home.join(".cache"))).map(|dir| dir.join("kq-tests")));
    cache.map(|dir| dir.join(format!("kafka-{VERSION}")).join("lib"))
}

impl Jars {
    /// Finds them: in `given`, else where `tests/run` keeps them. Settings for logging go to `work`.
    ///
    /// # Errors
    /// When they are not there, with how to get them.
    pub fn find(given: Option<&Path>, work: &Path) -> Result<Jars, Failure> {
        let path = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let usual = || default_dir(path("KQ_CACHE"), path("XDG_CACHE_HOME"), path("HOME"));
        let dir = given.map(Path::to_path_buf).or_else(usual).unwrap_or_default();
        let names = std::fs::read_dir(&dir).map(|entries| entries.flatten().map(|entry| entry.file_name()));
        let broker = |name: std::ffi::OsString| {
            let name = name.to_string_lossy().into_owned();
            name.starts_with("kafka_2.") && name.ends_with(&format!("-{VERSION}.jar"))
        };
        if !names.is_ok_and(|mut names| names.any(broker)) {
            return Err(Failure::new("NO_KAFKA", format!("Apache Kafka {VERSION}'s jars are not in {}", dir.display()))
                .hint("`tests/run golden` fetches them; --kafka-jars DIR (or KAFKA_JARS) names another place; --only kqd does without"));
        }
        let logging = work.join("log4j2.properties");
        std::fs::write(&logging, LOGGING)
            .map_err(|error| Failure::new("DATA_DIR", format!("cannot write {}", logging.display())).because(error))?;
        Ok(Jars { dir, logging })
    }

    fn java(&self, flags: &[&str]) -> Command {
        let mut command = Command::new("java");
        command
            .args(flags)
            .arg("-cp")
            .arg(format!("{}/*", self.dir.display()))
            .arg(format!("-Dlog4j2.configurationFile={}", self.logging.display()));
        command
    }

    /// The broker.
    pub fn server(&self, config: &Path) -> Command {
        let mut command = self.java(&SERVER_FLAGS);
        command.arg("kafka.Kafka").arg(config);
        command
    }

    /// One of its tools.
    pub fn tool(&self, class: &str) -> Command {
        let mut command = self.java(&TOOL_FLAGS);
        command.arg(class);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_place_is_that_of_the_tests() {
        let path = |text: &str| Some(PathBuf::from(text));
        let at = |cache, xdg, home| default_dir(cache, xdg, home).map(|dir| dir.display().to_string());
        assert_eq!(at(path("/c"), path("/x"), path("/h")).as_deref(), Some("/c/kafka-4.3.1/lib"));
        assert_eq!(at(None, path("/x"), path("/h")).as_deref(), Some("/x/kq-tests/kafka-4.3.1/lib"));
        assert_eq!(at(None, None, path("/h")).as_deref(), Some("/h/.cache/kq-tests/kafka-4.3.1/lib"));
        assert_eq!(at(None, None, None), None);
    }

    #[test]
    fn missing_jars_come_with_a_way_to_get_them() {
        let dir = tempfile::tempdir().unwrap();
        let failure = Jars::find(Some(dir.path()), dir.path()).unwrap_err();
        assert!(failure.hint.unwrap().contains("tests/run golden"));
        std::fs::write(dir.path().join("kafka_2.13-4.3.1.jar"), "").unwrap();
        let jars = Jars::find(Some(dir.path()), dir.path()).unwrap();
        let words: Vec<String> =
            jars.server(Path::new("f")).get_args().map(|arg| arg.to_string_lossy().into_owned()).collect();
        assert!(words.contains(&"-XX:+UseG1GC".to_string()) && words.ends_with(&["kafka.Kafka".into(), "f".into()]));
    }
}
