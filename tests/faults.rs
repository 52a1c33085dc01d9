//! What is promised where something goes wrong: each row of `docs/reliability.md` is a test here.
//!
//! `RELIABILITY_TABLE=write cargo test --test faults` writes what was measured into the document.

mod common;

mod faults {
    mod app;
    mod fault;
    mod measured;
    mod table;

    mod bodies;
    mod clocks;
    mod connections;
    mod endings;
    mod limits;
    mod outages;
    mod processes;
    mod runtimes;
    mod statuses;
    mod transports;

    mod elsewhere;
}
