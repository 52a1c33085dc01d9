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
        Fault {
            name: "a_certificate_that_cannot_be_trusted_is_refused_with_its_fault",
            done: "The certificate has expired, signed itself, comes from an unknown authority, or is for another host.",
            promised: "Kept as in an outage; the error tells which of them it is and what to do.",
            proof: Proof::Elsewhere("tests/tls.rs"),
        },
        Fault {
            name: "a_server_without_tls_is_told_from_one_with_a_bad_certificate",
            done: "The DSN says https and the server speaks plain HTTP.",
            promised: "The error says so, and not that a certificate is wrong.",
            proof: Proof::Elsewhere("tests/tls.rs"),
        },
        Fault {
            name: "without_the_certificate_that_a_server_wants_the_setting_is_named",
            done: "The server wants a client certificate and gets none.",
            promised: "Kept as in an outage; the error names the setting.",
            proof: Proof::Elsewhere("tests/tls.rs"),
        },
        Fault {
            name: "a_proxy_that_is_down_is_named_as_what_is_down",
            done: "Nothing listens at the address of `with_proxy`.",
            promised: "Kept as in an outage; the error names the proxy, not the server.",
            proof: Proof::Elsewhere("tests/proxy.rs"),
        },
        Fault {
            name: "a_proxy_that_does_not_know_who_asks_says_so",
            done: "The proxy answers 407.",
            promised: "The error says that the proxy wants credentials, without showing any.",
            proof: Proof::Elsewhere("tests/proxy.rs"),
        },
        Fault {
            name: "a_socks_proxy_gets_the_name_and_the_password_and_may_refuse_them",
            done: "A SOCKS proxy refuses the credentials.",
            promised: "Kept as in an outage; the error names the proxy.",
            proof: Proof::Elsewhere("tests/proxy.rs"),
        },
        Fault {
            name: "a_spotlight_that_hangs_or_is_not_there_costs_sentry_nothing",
            done: "Spotlight hangs, or is not there.",
            promised: "Everything arrives at Sentry; the copies are dropped; said once.",
            proof: Proof::Elsewhere("tests/spotlight.rs"),
        },
        Fault {
            name: "limits_and_outages_of_sentry_do_not_concern_spotlight",
            done: "Sentry answers 429 for everything.",
            promised: "Spotlight gets all copies.",
            proof: Proof::Elsewhere("tests/spotlight.rs"),
        },
        Fault {
            name: "what_an_outage_leaves_at_the_shutdown_is_sent_by_the_next_process",
            done: "With a spool: the server is down until the process has ended.",
            promised: "The next process sends all of it, once, a tenth of a second apart.",
            proof: Proof::Elsewhere("tests/spool.rs"),
        },
        Fault {
            name: "what_memory_cannot_hold_during_an_outage_waits_on_disk",
            done: "With a spool: an outage with more than `with_queue_bytes` can hold.",
            promised: "Nothing is lost; all of it arrives once.",
            proof: Proof::Elsewhere("tests/spool.rs"),
        },
        Fault {
            name: "what_is_on_its_way_when_a_shutdown_runs_out_of_time_is_sent_again_with_the_same_id",
            done: "With a spool: the server hangs until the shutdown's time is over.",
            promised: "The shutdown ends in time; the next process sends the same ids again.",
            proof: Proof::Elsewhere("tests/spool.rs"),
        },
        Fault {
            name: "a_limit_of_transactions_leaves_them_on_disk",
            done: "With a spool: a limit on transactions while some wait there.",
            promised: "They stay there until it is over.",
            proof: Proof::Elsewhere("tests/spool.rs"),
        },
        Fault {
            name: "a_directory_that_goes_away_costs_what_would_go_there_and_nothing_else",
            done: "With a spool: its directory is deleted while it is in use.",
            promised: "What would go there is counted as lost; all else arrives.",
            proof: Proof::Elsewhere("tests/spool.rs"),
        },
        Fault {
            name: "while_another_exporter_has_the_directory_what_would_go_there_is_counted_as_lost",
            done: "With a spool: another process uses the directory.",
            promised: "The exporter starts and sends all the same; what would go there is counted; the directory is taken over when it is free.",
            proof: Proof::Elsewhere("tests/spool.rs"),
        },
        Fault {
            name: "a_process_that_is_killed_loses_nothing_that_was_on_disk",
            done: "With a spool: the process is killed (SIGKILL) at any moment of an outage.",
            promised: "The next process sends all that was on disk, each once.",
            proof: Proof::Elsewhere("tests/spool.rs"),
        },
        Fault {
            name: "a_process_that_is_killed_at_any_moment_loses_nothing_that_was_put",
            done: "A writer of the spool is killed 25 times, often in the middle of a file.",
            promised: "All that was told to be written is there and whole.",
            proof: Proof::Elsewhere("src/spool/tests/death.rs"),
        },
        Fault {
            name: "a_disk_that_takes_no_more_leaves_the_store_usable",
            done: "With a spool: the disk is full.",
            promised: "Single writes fail and are counted; it goes on when there is room again.",
            proof: Proof::Elsewhere("src/spool/tests/death.rs"),
        },
        Fault {
            name: "a_file_that_was_cut_or_changed_anywhere_is_set_aside_and_counted",
            done: "With a spool: a file is cut at any length, or any byte of it is changed.",
            promised: "Set aside and counted; those behind it are sent.",
            proof: Proof::Elsewhere("src/spool/tests/damage.rs"),
        },
        Fault {
            name: "a_place_where_no_directory_can_be_is_an_error_that_names_it",
            done: "With a spool: the directory cannot be created.",
            promised: "`build()` says so and names the setting.",
            proof: Proof::Elsewhere("src/spool/tests/damage.rs"),
        },
    ],
};
