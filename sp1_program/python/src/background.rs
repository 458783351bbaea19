//! Long work that must not hold up the answers to traders.

use std::panic::resume_unwind;
use std::thread;

/// How much less of a busy processor the work gets (as of `nice`).
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Does the work in a thread of its own that gets what processor time others leave. Only to be called without the
/// interpreter's lock: a thread that is held up must not hold it.
pub fn run<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let done = scope.spawn(|| {
            lower_priority();
            work()
        });
        done.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// A thread has a priority of its own on Linux only. That it cannot be lowered makes the work no less right.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    // SAFETY: takes integers only; 0 stands for the calling thread.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS);
    }
}
