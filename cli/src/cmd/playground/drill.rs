//! `kq playground kill` and `restart`: what a cluster does when a broker goes, and when it comes back.

use super::{PATIENCE, state};
use crate::args::StoryArgs;
use crate::failure::Failure;
use crate::ui::Ui;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use std::time::{Duration, Instant};

/// Which broker.
#[derive(clap::Args, Debug)]
pub struct DrillArgs {
    /// Its id
    #[arg(value_name = "ID")]
    id: usize,
    #[command(flatten)]
    pub story: StoryArgs,
}

pub fn kill(ui: &mut Ui, args: &DrillArgs) -> Result<(), Failure> {
    let id = args.id;
    let Some(pid) = state::broker(id)?.pid else {
        return Err(Failure::new("PLAYGROUND", format!("broker {id} does not run"))
            .hint(format!("kq playground restart {id} starts it")));
    };
    let process = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let process = process.ok_or_else(|| Failure::new("PLAYGROUND", format!("{pid} is no process")))?;
    match kill_process(process, Signal::KILL) {
        Ok(()) | Err(Errno::SRCH) => {}
        Err(error) => {
            return Err(Failure::new("PLAYGROUND", format!("cannot kill process {pid}")).because(error));
        }
    }
    wait(&format!("broker {id} did not end"), || Ok(state::broker(id)?.pid != Some(pid)))?;
    ui.text(&format!("broker {id} is killed (process {pid}); kq playground restart {id} starts it again\n"))
}

pub fn restart(ui: &mut Ui, args: &DrillArgs) -> Result<(), Failure> {
    let id = args.id;
    let before = state::broker(id)?.restarts;
    state::order_restart(id)?;
    wait(&format!("broker {id} was not ready"), || Ok(state::broker(id)?.restarts > before))?;
    let broker = state::broker(id)?;
    match broker.trouble {
        Some(why) => Err(Failure::new("PLAYGROUND", format!("broker {id} did not start again")).because(why)),
        None => ui.text(&format!("broker {id} is ready on {}\n", broker.address)),
    }
}

fn wait(what: &str, mut done: impl FnMut() -> Result<bool, Failure>) -> Result<(), Failure> {
    // A clean stop and a start, each with its own patience.
    let patience = PATIENCE * 2;
    let deadline = Instant::now() + patience;
    while !done()? {
        if Instant::now() > deadline {
            return Err(Failure::timed_out(format!("{what} within {patience:?}")));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
