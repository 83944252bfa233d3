//! Helper threads for what may block. They are started when there is work and leave when there is none for a while.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

const LINGER: Duration = Duration::from_secs(5);

type Job = Box<dyn FnOnce() + Send>;

/// A queue of jobs with at most so many threads. Cloning gives another handle.
#[derive(Clone)]
pub struct Helpers {
    shared: Arc<Shared>,
}

struct Shared {
    name: String,
    threads_max: usize,
    state: Mutex<State>,
    work: Condvar,
    idle: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    threads: usize,
    waiting: usize,
    running: usize,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Helpers {
    /// No thread yet. `name` shows in `top -H`.
    pub fn new(name: &str, threads_max: usize) -> Helpers {
        let shared = Shared {
            name: name.to_owned(),
            threads_max: threads_max.max(1),
            state: Mutex::default(),
            work: Condvar::new(),
            idle: Condvar::new(),
        };
        Helpers { shared: Arc::new(shared) }
    }

    /// Runs `job` on a helper thread; here and now when no thread can be had.
    pub fn run(&self, job: impl FnOnce() + Send + 'static) {
        let mut state = self.shared.lock();
        state.jobs.push_back(Box::new(job));
        if state.waiting >= state.jobs.len() || state.threads >= self.shared.threads_max {
            drop(state);
            self.shared.work.notify_one();
            return;
        }
        state.threads += 1;
        drop(state);
        let shared = Arc::clone(&self.shared);
        let started = thread::Builder::new().name(self.shared.name.clone()).spawn(move || work(&shared));
        if started.is_err() {
            let mut state = self.shared.lock();
            state.threads -= 1;
            if state.threads == 0 {
                while let Some(job) = state.jobs.pop_front() {
                    drop(state);
                    job();
                    state = self.shared.lock();
                }
            }
        }
    }

    /// Waits until nothing is queued or running.
    pub fn drain(&self) {
        let mut state = self.shared.lock();
        while !state.jobs.is_empty() || state.running > 0 {
            state = self.shared.idle.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn work(shared: &Shared) {
    let mut state = shared.lock();
    loop {
        if let Some(job) = state.jobs.pop_front() {
            state.running += 1;
            drop(state);
            // A job that panics must not take its thread's place in the count with it.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
            state = shared.lock();
            state.running -= 1;
            if state.running == 0 && state.jobs.is_empty() {
                shared.idle.notify_all();
            }
            continue;
        }
        state.waiting += 1;
        let (back, waited) = shared.work.wait_timeout(state, LINGER).unwrap_or_else(PoisonError::into_inner);
        state = back;
        state.waiting -= 1;
        if waited.timed_out() && state.jobs.is_empty() {
            state.threads -= 1;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Helpers;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn every_job_runs_even_after_one_panicked() {
        let helpers = Helpers::new("test", 3);
        let count = Arc::new(AtomicUsize::new(0));
        for i in 0..50 {
            let count = Arc::clone(&count);
            helpers.run(move || {
                assert!(i != 7, "a job that fails (expected in this test)");
                count.fetch_add(1, Ordering::SeqCst);
            });
        }
        helpers.drain();
        assert_eq!(count.load(Ordering::SeqCst), 49);
    }
}
