//! A pool of helping threads for the browser, where threads are workers that JavaScript starts: each calls
//! [`Pool::help`] and stays there. A job is a number of indices; whoever asks for it works on it too and claims indices
//! like the helpers, so a helper that is late costs nothing but its help.
//!
//! The asker never needs a lock or a wait: a page's main thread may do neither.

use std::cell::UnsafeCell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::thread::Thread;

/// Set in [`Pool::state`] while somebody writes or runs a job; the other bits count the helpers inside.
const CLAIMED: u32 = 1 << 31;
/// Set while helpers may come in.
const OPEN: u32 = 1 << 30;
/// How often a helper looks for the next job before it sleeps. Between two operations of a model lie microseconds, between two
/// batches what JavaScript does with results; and a thread that sleeps comes half a millisecond late (measured in Chromium), by
/// when a small product is over. A fifteenth of this was too little.
const LOOKS: u32 = 300_000;

/// What a job does for an index; its lifetime is that of the call that asks for it.
type Work = *const (dyn Fn(usize) + Sync);

struct Job {
    work: Work,
    count: usize,
}

pub struct Pool {
    state: AtomicU32,
    /// Changes with every job, so that a helper does not come back to one that has nothing left to do.
    generation: AtomicU32,
    /// The next index that nobody has claimed.
    next: AtomicUsize,
    job: UnsafeCell<Option<Job>>,
    helpers: Mutex<Vec<Thread>>,
    /// A helper stopped in the middle of a job: nothing it worked on can be trusted.
    failed: AtomicBool,
    helped: AtomicU32,
}

// SAFETY: `job` is written only by the thread that holds CLAIMED while no helper is inside, and read only by threads that
// are inside; what its pointer points to is Sync and outlives the job, because `run` returns only when all have left.
unsafe impl Sync for Pool {}
unsafe impl Send for Pool {}

impl Pool {
    pub const fn new() -> Pool {
        Pool {
            state: AtomicU32::new(0),
            generation: AtomicU32::new(0),
            next: AtomicUsize::new(0),
            job: UnsafeCell::new(None),
            helpers: Mutex::new(Vec::new()),
            failed: AtomicBool::new(false),
            helped: AtomicU32::new(0),
        }
    }

    /// Calls `work` for every index below `count`, on this thread and on those helpers that have time. While a job runs,
    /// and so also from within one, the indices are worked off by the caller alone.
    ///
    /// # Panics
    /// When a helper stopped in the middle of its work.
    pub fn run(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        let claimed = self.state.compare_exchange(0, CLAIMED, Ordering::Acquire, Ordering::Relaxed);
        if claimed.is_err() {
            assert!(!self.failed.load(Ordering::Acquire), "a thread of the engine stopped");
            (0..count).for_each(work);
            return;
        }
        // SAFETY: this thread holds CLAIMED and nobody is inside. The lifetime is given back below, before it ends.
        unsafe {
            *self.job.get() = Some(Job { work: std::mem::transmute::<&(dyn Fn(usize) + Sync), Work>(work), count })
        };
        self.next.store(0, Ordering::Relaxed);
        self.generation.fetch_add(1, Ordering::Relaxed);
        self.state.store(CLAIMED | OPEN, Ordering::Release);
        let closing = Closing(self);
        // Taken by helpers only while they sign in, and by an asker that goes on without: never waited for here.
        if let Ok(helpers) = self.helpers.try_lock() {
            helpers.iter().for_each(Thread::unpark);
        }
        self.work_off(count, work);
        drop(closing);
        assert!(!self.failed.load(Ordering::Acquire), "a thread of the engine stopped");
    }

    /// Works on jobs as they come and sleeps in between; never returns.
    pub fn help(&self) -> ! {
        if let Ok(mut helpers) = self.helpers.lock() {
            helpers.push(std::thread::current());
        }
        let mut seen = 0;
        let mut looks = 0;
        loop {
            let generation = self.generation.load(Ordering::Relaxed);
            if generation != seen && self.enter() {
                // Read again: the job that is open now may be a later one.
                seen = self.generation.load(Ordering::Relaxed);
                looks = 0;
                let _leaving = Leaving(self);
                self.helped.fetch_add(1, Ordering::Relaxed);
                // SAFETY: inside, so the job stays until this thread leaves.
                let (count, work) = unsafe { (*self.job.get()).as_ref().map(|job| (job.count, &*job.work)).unwrap() };
                self.work_off(count, work);
            } else if looks < LOOKS {
                looks += 1;
                std::hint::spin_loop();
            } else {
                looks = 0;
                std::thread::park();
            }
        }
    }

    /// Jobs that helpers took part in so far, counted once for each of them.
    pub fn helped(&self) -> u32 {
        self.helped.load(Ordering::Relaxed)
    }

    /// Says that a helper stopped in the middle of its work. Where a panic does not unwind nobody else can.
    pub fn fail(&self) {
        self.failed.store(true, Ordering::Release);
    }

    fn work_off(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return;
            }
            work(index);
        }
    }

    fn enter(&self) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        while state & OPEN != 0 {
            match self.state.compare_exchange_weak(state, state + 1, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }
}

/// Ends a job: lets nobody in and waits for those inside, also when the asker's own work panics.
struct Closing<'a>(&'a Pool);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.state.fetch_and(!OPEN, Ordering::Relaxed);
        while self.0.state.load(Ordering::Acquire) != CLAIMED {
            if self.0.failed.load(Ordering::Acquire) {
                // Whoever failed does not leave. The pool stays claimed, so that nothing is shared out any more.
                return;
            }
            std::hint::spin_loop();
        }
        self.0.state.store(0, Ordering::Release);
    }
}

/// A helper inside a job.
struct Leaving<'a>(&'a Pool);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail();
        }
        self.0.state.fetch_sub(1, Ordering::Release);
    }
}
