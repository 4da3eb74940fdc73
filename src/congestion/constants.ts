// The constants of congestion control, each with its unit, its source and the test or benchmark that depends on it.
//
// "measured" means: chosen with `npm run bench:link` (docs/LINK.md). "link: …" names the links of
// test/unit/mavlink/link.test.ts whose test fails if the constant is three times as large or as small, "vehicle: …" the
// tests of vehicle.test.ts, "congestion: …" those of test/unit/congestion. "bench" means that only the bench shows the effect.

// --- Window (ledbat.ts) ---

/** ms of queueing that this program may cause (TARGET of RFC 6817, which allows 100). link: slowest line. */
export const TARGET_DELAY_MS = 25;
/** Share of the delay at which a queue overflowed that becomes the new target. measured. bench. */
export const REDUCED_TARGET_SHARE = 1 / 2;
/** ms, the lower limit of a reduced target. measured. bench. */
export const MIN_TARGET_DELAY_MS = 3;
/** Packets that any queue holds: a lower limit of a reduced target. measured. bench: 57600 and 115200 baud with loss. */
export const MIN_QUEUE_PACKETS = 4;
/** Factor by which a reduced target grows in each round without congestion. measured. bench: 8 Mbit/s with loss. */
export const TARGET_GROWTH_FACTOR = 1.01;
/** Packets that may wait where the target is shorter than a packet takes. measured. link: slowest line. */
export const MAX_TARGET_PACKETS = 2;
/** ms that these packets may take before only one of them may wait. measured. link: slowest line. */
export const TARGET_PACKETS_MS = 50;
/** Share of the target at which slow start ends. measured; LEDBAT++, section 4.2, has 3/4. bench. */
export const SLOW_START_END_SHARE = 0.4;
/** Requests in flight before the first reply. RFC 6928. link: long round trip. */
export const INITIAL_WINDOW = 10;
/** Requests, the lower limit of the window. LEDBAT++ has 2 packets. link: slowest line. */
export const MIN_WINDOW = 2;
/** Share of the window by which it grows in a round trip. LEDBAT++. bench: 921600 and 8 Mbit/s. */
export const GAIN = 1 / 16;
/** The same while queues count as empty. measured. bench: 8 Mbit/s at 50 and 100 ms. */
export const EMPTY_QUEUE_GAIN = 1 / 8;
/** Share of the target up to which queues count as empty. measured. bench: 8 Mbit/s at 50 and 100 ms. */
export const EMPTY_QUEUE_SHARE = 1 / 4;
/** Upper limit of the window as a factor of what fills the link. measured. bench: 20 % loss. */
export const MAX_WINDOW_FACTOR = 3;
/** Requests that come on top of this limit, for links whose rate is not known well. measured. bench: loopback. */
export const MAX_WINDOW_MARGIN = 16;
/** Factor that shrinks the window after a congested round. CUBIC, RFC 9438, section 4.6. link: short queue. */
export const CONGESTED_DECREASE_FACTOR = 0.7;
/** Requests by which one reply shrinks the window at most: half a window a round trip. LEDBAT++, section 4.4. bench. */
export const MAX_DECREASE_PER_REPLY = 0.5;
/** Share of what fills the link with which a file begins. measured. bench: many files, telemetry. */
export const RESTART_SHARE = 1 / 2;

// --- Link (link-model.ts) ---

/** ms, the shortest time until a block is given up: a busy vehicle must not be asked twice. Linux TCP_RTO_MIN. bench. */
export const MIN_BLOCK_TIMEOUT_MS = 200;
/** ms, the longest time until a block is given up. measured. bench. */
export const MAX_BLOCK_TIMEOUT_MS = 5_000;
/** Requests in flight whose common silence may be chance. measured. bench. */
export const MIN_SILENT_REQUESTS = 4;
/** ms by which a reply may be late and still count as overtaken. RFC 8985 limits it too. bench. */
export const MAX_REORDERING_MS = 100;
/** Factor of the reordering window in each round without late replies. RFC 8985 forgets after 16 recoveries. bench. */
export const REORDERING_DECAY = 0.9;
/** Windows sent in a round trip at most in slow start. Linux tcp_pacing_ss_ratio. bench. */
export const SLOW_START_PACING_FACTOR = 2;
/** Windows sent in a round trip at most later. Linux tcp_pacing_ca_ratio has 1.2. link: every link. */
export const PACING_FACTOR = 1.25;
/** ms from one pair of requests to the next before the first reply. measured. link: long round trip, slowest line. */
export const INITIAL_PAIR_INTERVAL_MS = 100;
/** ms, the shortest gap between replies that is believed. measured. bench: loopback. */
export const MIN_REPLY_GAP_MS = 1;
/** ms between replies from which on a line is slow: its rate is known well. measured. bench. */
export const SLOW_LINE_GAP_MS = 10;
/** Share of the reply gap between two requests on a slow line. measured. link: slowest line, runs of losses on it. */
export const SLOW_LINE_PACING_SHARE = 0.92;
/** ms of sending that may be caught up on after a late timer. measured. bench: 8 Mbit/s, loopback. */
export const PACING_TOLERANCE_MS = 4;
/**
 * ms of sending that leaves at once, so that one system call carries several requests (send_quantum of BBR, section 4.6.3,
 * which has 1 ms; measured: timers are no finer than 1 ms). bench: 8 Mbit/s, CPU and telemetry.
 */
export const GROUP_MS = 2;
/** Requests that leave at once at most. measured. bench: loopback, CPU. */
export const MAX_GROUP = 16;
/** Share of the window that leaves at once at most: the link must not run dry meanwhile. measured. link: small queue. */
export const MAX_GROUP_SHARE = 1 / 8;
/** Factor over the rate of one request at a time that a window must reach on a very lossy link. measured. bench. */
export const MIN_WINDOW_GAIN = 1.3;
/** Share of requests lost from which on that factor is required. measured. bench: 20 % loss must not reach it. */
export const MAX_WINDOW_LOSS = 0.45;
/** Weight of a round in the mean loss. measured. bench: losses in runs. */
export const LOSS_SMOOTHING = 1 / 32;

// --- Limit of the rate (pacer.ts) ---

/** ms of sending that may be caught up on. Tolerance of the generic cell rate algorithm, ITU-T I.371. congestion: pacer. */
export const RATE_LIMIT_TOLERANCE_MS = 20;

// --- Queueing delay (queueing-delay.ts) ---

/** Samples of which the least is the delay now (CURRENT_FILTER of RFC 6817, which has 4 and more). bench: jitter. */
export const CURRENT_DELAY_SAMPLES = 4;
/** ms for which a sample is one of the latest at least. measured. bench. */
export const MIN_SAMPLE_AGE_MS = 25;
/** Share of a round trip for which a sample is one of the latest at least. measured. bench. */
export const MIN_SAMPLE_AGE_SHARE = 1 / 2;
/** ms for which the base delay is believed; two such times are remembered (BASE_HISTORY of RFC 6817). congestion: queueing delay. */
export const BASE_DELAY_INTERVAL_MS = 5 * 60_000;

// --- Packet pairs (reply-gap.ts) ---

/** Gaps that are remembered. Keshav 1991; the number is measured. link: slowest line. */
export const MAX_GAPS = 8;
/** Gaps that are needed. measured. link: slowest line, short queue. */
export const MIN_GAPS = 3;

// --- Retransmission (retransmission.ts) ---

/** ms, the timeout before anything has been measured. RFC 6298 has 1 s, for the internet. vehicle: time to wait. */
export const INITIAL_TIMEOUT_MS = 500;
/**
 * ms, the shortest timeout: a stall of either program must not cost a repetition, after which a session may
 * be open twice. RFC 6298 has 1 s. vehicle: time to wait.
 */
export const MIN_TIMEOUT_MS = 50;
/** ms, the longest timeout. RFC 6298 allows 60 s, for the internet. vehicle: time to wait. */
export const MAX_TIMEOUT_MS = 1_000;
/** Weight of a round trip in the mean (alpha of RFC 6298). congestion: retransmission. */
export const RTT_GAIN = 1 / 8;
/** Weight of a deviation in the mean deviation (beta of RFC 6298). congestion: retransmission. */
export const RTT_VARIATION_GAIN = 1 / 4;
/** Mean deviations that are added to the mean round trip (K of RFC 6298). vehicle: time to wait. */
export const RTT_VARIATION_FACTOR = 4;

// --- Rounds (rounds.ts) ---

/** Rounds whose best rate is remembered. BBR, section 4.1, has 10. congestion: rounds. */
export const REMEMBERED_ROUNDS = 8;
/** ms, the shortest round. measured. congestion: rounds. */
export const MIN_ROUND_MS = 20;
/** Requests answered or lost in a round at least. measured. congestion: rounds. */
export const MIN_ROUND_REQUESTS = 16;
/** ms of queueing up to which a link counts as not full. measured. congestion: rounds. */
export const NOT_FULL_QUEUEING_MS = 4;
/** The same as a share of the longest queueing lately. measured. congestion: rounds. */
export const NOT_FULL_QUEUEING_SHARE = 1 / 2;
/** Factor of the longest queueing in each round. measured. congestion: rounds. */
export const MAX_QUEUEING_DECAY = 0.98;
/** Factor of the link's own loss from which on loss is congestion. measured. congestion: rounds. */
export const EXCESS_LOSS_FACTOR = 1.5;
/** Share of requests that comes on top of this. measured. congestion: rounds. */
export const EXCESS_LOSS_MARGIN = 0.02;
/** Rounds in the mean of the link's own loss. measured. congestion: rounds. */
export const OWN_LOSS_ROUNDS = 16;
/** Rounds in the mean of the loss of full queues. measured. congestion: rounds. */
export const FULL_LOSS_ROUNDS = 8;
/** ms over which the rate of now is measured at least. measured. congestion: rounds. */
export const RATE_INTERVAL_MS = 50;
/** Share of requests, the upper limit of the link's own loss: beyond it every estimate breaks down. measured. congestion: rounds. */
export const MAX_OWN_LOSS = 0.6;
