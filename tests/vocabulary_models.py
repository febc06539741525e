"""A SavedModel of TensorFlow 1 as Estimators wrote them: parsing in the graph, a vocabulary file, method names."""

from __future__ import annotations

from pathlib import Path

LABELS = ("setosa", "versicolor", "virginica")


def save_vocabulary_model(folder: Path) -> None:
    """Examples have the feature words (texts) and may have bias (a float).

    The score of a label is how often it stands among the words, plus the bias. serving_default and classify give all
    three, regress their number, predict_words the index of each text, -1 for others.
    """
    import tensorflow as tf

    v1 = tf.compat.v1
    vocabulary = folder.parent / "labels.txt"
    vocabulary.write_text("\n".join(LABELS) + "\n")
    with tf.Graph().as_default(), v1.Session() as session:
        table = tf.lookup.StaticVocabularyTable(
            tf.lookup.TextFileInitializer(
                str(vocabulary),
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            ),
            num_oov_buckets=1,
        )
        examples = v1.placeholder(tf.string, [None], name="input_example_tensor")
        parsed = v1.parse_example(
            examples,
            {"words": v1.VarLenFeature(tf.string), "bias": v1.FixedLenFeature([], tf.float32, default_value=0.0)},
        )
        words = table.lookup(tf.sparse.to_dense(parsed["words"], default_value=""))
        counts = tf.reduce_sum(tf.one_hot(words, len(LABELS)), 1) + parsed["bias"][:, None]
        classes = tf.tile(tf.constant([LABELS]), [tf.size(examples), 1])
        texts = v1.placeholder(tf.string, None, name="texts")
        indexes = tf.where(table.lookup(texts) < len(LABELS), table.lookup(texts), -tf.ones_like(table.lookup(texts)))
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        definitions = v1.saved_model.signature_def_utils
        classification = definitions.classification_signature_def(examples, classes, counts)
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            signature_def_map={
                "serving_default": classification,
                "classify": classification,
                "regress": definitions.regression_signature_def(examples, tf.reduce_sum(counts, 1)),
                "predict_words": definitions.predict_signature_def({"texts": texts}, {"indexes": indexes}),
            },
            assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
            main_op=v1.tables_initializer(),
        )
        builder.save()
    vocabulary.unlink()
