"""Operations that OpenVINO converts into something else."""

from __future__ import annotations

from tests.equality.ask import Ask, ask, batches, call, f32, i32, i64, normal

PIXELS = [call(x=normal(rows, 2, 2, 8)) for rows in (1, 2, 3)]
BOXES = f32([[0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, 2, 1, 3]])


def _unique(tf, x):
    found = tf.unique(x)
    return {"y": found.y, "idx": found.idx}


def _unique_with_counts(tf, x):
    found = tf.unique_with_counts(x)
    return {"y": found.y, "idx": found.idx, "count": found.count}


def _ctc(tf, x, lengths):
    (decoded,), scores = tf.nn.ctc_greedy_decoder(x, lengths)
    return {"scores": scores, "values": decoded.values, "indices": decoded.indices}


def _dense_ctc(tf, x):
    lengths = tf.fill([tf.shape(x)[1]], tf.shape(x)[0])
    (decoded,), scores = tf.nn.ctc_greedy_decoder(x, lengths, merge_repeated=False)
    return {"scores": scores, "dense": tf.sparse.to_dense(decoded, -1)}


def _lrn(radius):
    return lambda tf, x: tf.nn.local_response_normalization(x, depth_radius=radius, bias=1.5, alpha=0.7, beta=0.6)


ASKS: list[Ask] = [
    *[
        one
        for radius in (1, 2, 5)
        for one in batches(f"lrn_{radius}", _lrn(radius), {"x": ("float32", ["B", 2, 2, 8])}, PIXELS, sizes=(None, 1))
    ],
    ask(
        "unique_float32",
        _unique,
        {"x": ("float32", [None])},
        [call(x=f32([3])), call(x=f32([2, 1, 2, 3, 1])), call(x=f32([0.5, 0.5]))],
    ),
    ask(
        "unique_int64",
        _unique,
        {"x": ("int64", [None])},
        [call(x=i64([3])), call(x=i64([9007199254740993, 9007199254740992, 9007199254740993]))],
    ),
    ask(
        "unique_y",
        lambda tf, x: tf.unique(x).y,
        {"x": ("int32", [None])},
        [call(x=i32([3])), call(x=i32([16777217, 16777216, 16777217])), call(x=i32([2, 1, 2]))],
    ),
    ask(
        "unique_with_counts_int32",
        _unique_with_counts,
        {"x": ("int32", [None])},
        [call(x=i32([3])), call(x=i32([16777217, 16777216, 16777217])), call(x=i32([2, 1, 2, 2]))],
    ),
    ask(
        "unique_with_counts_float32",
        _unique_with_counts,
        {"x": ("float32", [None])},
        [call(x=f32([3])), call(x=f32([2, 1, 2, 2]))],
    ),
    ask(
        "ctc_greedy_decoder",
        _ctc,
        {"x": ("float32", [None, None, 4]), "lengths": ("int32", [None])},
        [
            call(x=normal(6, 1, 4), lengths=i32([6])),
            call(x=normal(6, 3, 4), lengths=i32([6, 2, 5])),
            call(x=normal(1, 1, 4), lengths=i32([1])),
            call("sequence_length(1) <= 6", x=normal(6, 2, 4), lengths=i32([6, 7])),
        ],
    ),
    ask(
        "ctc_greedy_dense",
        _dense_ctc,
        {"x": ("float32", [5, None, 4])},
        [call(x=normal(5, 1, 4, seed=4)), call(x=normal(5, 3, 4, seed=4))],
    ),
    ask(
        "bincount",
        lambda tf, x: tf.math.bincount(x, minlength=4, maxlength=4),
        {"x": ("int32", [None])},
        [call(x=i32([1])), call(x=i32([0, 3, 3, 7])), call(x=i32([1, -1]))],
    ),
    ask(
        "searchsorted",
        lambda tf, x: tf.searchsorted(tf.constant([1.0, 2.0, 3.0]), x),
        {"x": ("float32", [None])},
        [call(x=f32([2])), call(x=f32([0, 1, 2.5, 9]))],
    ),
    ask(
        "in_top_k",
        lambda tf, i, x: tf.nn.in_top_k(i, x, 2),
        {"i": ("int32", [None]), "x": ("float32", [None, 4])},
        [call(i=i32([1]), x=normal(1, 4)), call(i=i32([0, 3, 9]), x=normal(3, 4))],
    ),
    ask(
        "non_max_suppression",
        lambda tf, boxes, scores: tf.image.non_max_suppression(boxes, scores, 2, 0.5, 0.1),
        {"boxes": ("float32", [None, 4]), "scores": ("float32", [None])},
        [
            call(boxes=BOXES[:1], scores=f32([0.9])),
            call(boxes=BOXES, scores=f32([0.8, 0.9, 0.3])),
            call(boxes=BOXES, scores=f32([0.0, 0.05, 0.01])),
        ],
    ),
    ask(
        "resize_nearest",
        lambda tf, x: tf.image.resize(x, [3, 5], "nearest"),
        {"x": ("float32", [None, 4, 4, 1])},
        [call(x=normal(rows, 4, 4, 1)) for rows in (1, 3)],
    ),
    ask(
        "resize_bilinear",
        lambda tf, x: tf.image.resize(x, [3, 7]),
        {"x": ("float32", [None, 4, 4, 1])},
        [call(x=normal(rows, 4, 4, 1)) for rows in (1, 3)],
    ),
    ask(
        "round_half_to_even",
        lambda tf, x: tf.round(x),
        {"x": ("float32", [None])},
        [call(x=f32([0.5])), call(x=f32([1.5, 2.5, -0.5, -1.5, 8388609.0]))],
    ),
    ask(
        "float_modulo",
        lambda tf, x, y: {"mod": x % y, "floordiv": x // y},
        {"x": ("float32", [None]), "y": ("float32", [None])},
        [call(x=f32([-7.5]), y=f32([2])), call(x=f32([7.5, -7.5, 5]), y=f32([-2, -2, 0]))],
    ),
    ask(
        "logarithm_of_softplus",
        lambda tf, x: tf.math.log(tf.nn.softplus(x)),
        {"x": ("float32", [None, 2])},
        [call(x=f32([[1, -5]])), call(x=f32([[-12, -20], [-80, 3]]))],
    ),
    ask(
        "logarithm_of_erfc",
        lambda tf, x: tf.math.log(tf.reshape(tf.math.erfc(x), [-1]) * 2.0),
        {"x": ("float32", [None, 2])},
        [call(x=f32([[1, 0]])), call(x=f32([[4, 5], [9, -1]]))],
    ),
    ask(
        "quotients_by_zeros_of_both_signs",
        lambda tf, x: {"by_less": 1.0 / -x, "by_more": 3.0 / (x * -2.0), "rsqrt": tf.math.rsqrt(x * x * -1.0 * x)},
        {"x": ("float32", [None])},
        [call(x=f32([-2])), call(x=f32([0.0, -0.0, -1]))],
    ),
    ask(
        "quotients_that_are_safe",
        lambda tf, x, y: {
            "no_nan": tf.math.divide_no_nan(x, -y),
            "at_least_one": x / tf.maximum(tf.reduce_sum(y), 1.0),
            "normal": x * tf.math.rsqrt(tf.reduce_mean(tf.square(x), 1, keepdims=True) + 1e-3),
        },
        {"x": ("float32", [None, 2]), "y": ("float32", [None, 2])},
        [call(x=f32([[1, 2]]), y=f32([[0, 2]])), call(x=f32([[0, 0], [1, -1]]), y=f32([[0, -0.0], [1, 1]]))],
    ),
    ask(
        "sign_of_erfc",
        lambda tf, x: {"sign": tf.sign(tf.math.erfc(x)), "more": tf.nn.softplus(x) > 0.0},
        {"x": ("float32", [None])},
        [call(x=f32([9])), call(x=f32([1, -20, 5]))],
    ),
    ask(
        "quotient_of_expm1_and_log1p",
        lambda tf, x: {"expm1": tf.math.expm1(x) / x, "log1p": tf.math.log1p(x) / x, "gelu": 1.0 / tf.nn.gelu(x)},
        {"x": ("float32", [None])},
        [call(x=f32([1e-8])), call(x=f32([1e-3, 1e-7, -9]))],
    ),
    ask(
        "inverses_of_what_is_nearly_one",
        lambda tf, x: {"atanh": tf.math.atanh(tf.math.erf(x)), "acos": tf.math.acos(tf.reshape(tf.tanh(x), [-1, 1]))},
        {"x": ("float32", [None])},
        [call(x=f32([3.6268604])), call(x=f32([1, -3.6268604, 8]))],
    ),
    ask(
        "angles_with_many_turns",
        lambda tf, x: {"sin": tf.sin(tf.exp(x)), "cos": tf.cos(tf.exp(x) * 10.0), "tan": tf.tan(tf.exp(-x * x))},
        {"x": ("float32", [None])},
        [call(x=f32([10])), call(x=f32([1, -1, 0])), call(x=f32([1, 9.5, 11]))],
    ),
    ask(
        "steps_of_what_is_nearly_whole",
        lambda tf, x: {"ceil": tf.math.ceil(tf.tan(tf.atan(x))), "round": tf.round(tf.exp(tf.math.log(x)) + 0.5)},
        {"x": ("float32", [None])},
        [call(x=f32([10])), call(x=f32([1, 3, 9])), call(x=f32([1.25, 3.75]))],
    ),
    ask(
        "bytes_of_what_is_nearly_one",
        lambda tf, x: {"byte": tf.cast(tf.sigmoid(x) * 255.0, tf.int32), "same": tf.cast(x * 255.0, tf.int32)},
        {"x": ("float32", [None])},
        [call(x=f32([9])), call(x=f32([20, 0.3, -30])), call(x=f32([0.1, 0.2]))],
    ),
    ask(
        "large_powers_of_what_is_nearly_one",
        lambda tf, x, y: {"power": tf.pow(tf.sigmoid(x), y), "square": tf.pow(tf.sigmoid(x), 2.0)},
        {"x": ("float32", [None]), "y": ("float32", [None])},
        [call(x=f32([10]), y=f32([2])), call(x=f32([9, 12, 1]), y=f32([1e5, 3e6, 3]))],
    ),
    ask(
        "inverses_of_what_is_exact",
        lambda tf, x: (
            tf.math.atanh(tf.clip_by_value(-tf.reshape(x, [-1]) * 0.5, -0.875, 0.875)) + tf.math.acosh(x * x + 1.0)
        ),
        {"x": ("float32", [None])},
        [call(x=f32([0.5])), call(x=f32([0.5, 1.5, -4]))],
    ),
    ask(
        "top_k_with_ties",
        lambda tf, x: tf.math.top_k(x, 2).indices,
        {"x": ("float32", [None, 4])},
        [call(x=f32([[1, 1, 0, 1]])), call(x=f32([[0, 2, 2, 2], [3, 1, 3, 3]]))],
    ),
]
