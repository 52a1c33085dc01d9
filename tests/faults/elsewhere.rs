//! Faults whose tests are in other files.

use super::fault::{Fault, Group, Proof};

pub const GROUP: Group = Group {
    title: "More",
    faults: &[
        Fault {
            name: "a_flush_at_the_very_moment_of_the_shutdown_does_not_wait_for_nobody",
            done: "Eight threads flush while another shuts down.",
            promised: "None waits for a thread that has ended.",
            proof: Proof::Elsewhere("tests/transport.rs"),
        },
        Fault {
            name: "exporting_makes_nothing_to_export",
            done: "Everything that any crate logs becomes a span of the same exporter.",
            promised: "Sending makes no spans, so there is no loop and no deadlock.",
            proof: Proof::Elsewhere("tests/transport.rs"),
        },
        Fault {
            name: "a_connection_that_the_server_says_it_closes_is_not_used_again",
            done: "Every answer says `Connection: close`.",
            promised: "Each request goes over a connection of its own, and none is lost.",
            proof: Proof::Elsewhere("tests/answers.rs"),
        },
    ],
};
