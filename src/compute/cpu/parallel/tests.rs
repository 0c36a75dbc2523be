//! Oracle: the same work on one thread. The pool of the browser runs here with threads of the operating system.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::pool::Pool;
use super::{over_rows, over_two};

fn pool(helpers: usize) -> &'static Pool {
    let pool: &'static Pool = Box::leak(Box::new(Pool::new()));
    for _ in 0..helpers {
        std::thread::spawn(|| pool.help());
    }
    pool
}

fn add(sum: &AtomicUsize, n: usize) {
    sum.fetch_add(n, Ordering::Relaxed);
}

#[test]
fn every_index_is_worked_on_once() {
    let pool = pool(3);
    for count in (0..400).chain([10_000]) {
        let calls: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
        pool.run(count, &|index| {
            calls[index].fetch_add(1, Ordering::Relaxed);
        });
        assert!(calls.iter().all(|calls| calls.load(Ordering::Relaxed) == 1), "{count} indices");
    }
}

#[test]
fn helpers_help() {
    let pool = pool(2);
    let seen = Mutex::new(std::collections::HashSet::new());
    for _ in 0..100_000 {
        pool.run(64, &|_| {
            seen.lock().unwrap().insert(std::thread::current().id());
            std::thread::yield_now();
        });
        if seen.lock().unwrap().len() == 3 {
            assert!(pool.helped() >= 2);
            return;
        }
    }
    panic!("{} of 3 threads worked", seen.lock().unwrap().len());
}

#[test]
fn a_job_within_a_job_and_two_at_once_are_worked_off() {
    let pool = pool(2);
    let sum = AtomicUsize::new(0);
    let ask = || {
        for _ in 0..50 {
            pool.run(8, &|_| pool.run(8, &|_| add(&sum, 1)));
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(ask);
        ask();
    });
    assert_eq!(sum.load(Ordering::Relaxed), 2 * 50 * 64);
}

#[test]
fn a_pool_without_helpers_is_one_thread() {
    let sum = AtomicUsize::new(0);
    Pool::new().run(10, &|index| add(&sum, index));
    assert_eq!(sum.load(Ordering::Relaxed), 45);
}

/// Negative control: a helper that stops is an error of whoever asked, at once and from then on.
#[test]
fn a_helper_that_stops_is_an_error() {
    let pool = pool(1);
    let asker = std::thread::current().id();
    let stopped = AtomicBool::new(false);
    let run = || {
        pool.run(2, &|_| {
            if std::thread::current().id() != asker {
                stopped.store(true, Ordering::Relaxed);
                panic!("a helper's panic, which this test provokes");
            }
            // The asker leaves the other index to the helper.
            while !stopped.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
        });
    };
    assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| pool.run(2, &|_| {}))).is_err());
}

#[test]
fn an_asker_that_panics_leaves_the_pool_usable() {
    let pool = pool(2);
    let asker = std::thread::current().id();
    let panicking = || {
        pool.run(100, &|_| match std::thread::current().id() == asker {
            true => panic!("the asker's panic, which this test provokes"),
            false => std::thread::yield_now(),
        });
    };
    // A helper may have been quicker with all of them.
    let _ = catch_unwind(AssertUnwindSafe(panicking));
    let sum = AtomicUsize::new(0);
    pool.run(10, &|index| add(&sum, index));
    assert_eq!(sum.load(Ordering::Relaxed), 45);
}

#[test]
fn rows_are_shared_out_whole_and_in_their_places() {
    for rows in [0, 1, 2, 7, 64, 1000] {
        let mut out = vec![0.0; rows * 3];
        over_rows(&mut out, 3, |start, out| {
            assert!(start.is_multiple_of(3) && out.len().is_multiple_of(3));
            out.iter_mut().enumerate().for_each(|(i, x)| *x = (start + i) as f32);
        });
        assert!(out.iter().enumerate().all(|(i, x)| *x == i as f32), "{rows} rows");
        let (mut a, mut b) = (vec![0; rows * 2], vec![0; rows]);
        over_two(&mut a, 2, &mut b, 1, |row, a, b| {
            a.fill(row);
            b.fill(row);
        });
        assert!(a.iter().enumerate().all(|(i, x)| *x == i / 2) && b.iter().enumerate().all(|(i, x)| *x == i));
    }
}
