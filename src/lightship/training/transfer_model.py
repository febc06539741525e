"""`lightship.TransferModel`: an image classifier that is trained on a base, or was trained elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Never, Self

import numpy as np
from numpy.typing import NDArray

from lightship.bundle.labels import Classes, read_classes
from lightship.errors import FailedPrecondition, InvalidArgument
from lightship.images.spec import ImageSpec
from lightship.packaging.golden_sample import GoldenImages
from lightship.packaging.progress import Progress, ProgressOption
from lightship.packaging.quiet_tensorflow import quiet_tensorflow
from lightship.training.bases import IMAGENET, Base, Shape, Weights, find_base
from lightship.training.class_weights import ClassWeights
from lightship.training.freezing import Unfreeze, set_trainable
from lightship.training.history import History
from lightship.training.image_choice import checked_shape, image_for
from lightship.training.layer_table import LayerTable, layer_table
from lightship.training.saving import LAYOUTS, SaveOptions, save_bundle, save_classic
from lightship.unexpected import unexpected_option

if TYPE_CHECKING:
    import keras

Layout = Literal["bundle", "classic"]

_PATIENCE = 12
_SHOWN = 5  # classes that are shown
_OPTIONS = ("model", "classes", "image", "golden", "base", "shape", "unfreeze", "weights")
_PURPOSE = "lightship.TransferModel"
# Parameters of Keras' methods that `train` has under other names, or decides itself.
_NOT_OPTIONS = ("x", "y", "validation_data", "class_weight")


class TransferModel:
    """An image classifier that you can train, save for a server and load again.

    base: the network to begin with: "ResNet" (ResNet50V2), "VGG16", "MobileNetV2", "EfficientNetB0" or
        "EfficientNet-Lite0", the path of a Keras file, or a version folder that `save` wrote. It gets a new classifier.
    shape: the size of its images, (height, width, channels); by default the network's own, such as (224, 224, 3).
    classes: the class names in the order of the labels' indices, in one of the forms that `lightship.export` takes.
    unfreeze: which layers of the network train besides the classifier: None for none, "all", or a list of regular
        expressions, of which one must match a part of a layer's name.
    weights: the weights that the network begins with: "imagenet", which are downloaded; the path of a file of weights;
        or None for random ones.
    image: how a photo becomes the model's input. With a base it may be left out: the preprocessing is that of the
        network, and Pillow resizes, bilinearly. A mapping changes fields of that: `image={"fit": "crop"}`.
    model: instead of `base`, a model that was trained elsewhere, as `lightship.export` takes it.
    golden: photos for the golden sample, as in `lightship.export`.

    >>> model = lightship.TransferModel(base="ResNet", classes=["cat", "dog"])
    >>> lightship.TransferModel(trained, ["cat", "dog"], image={"preprocessing": "resnet_v2"}).save("models/pets")

    Raises InvalidArgument for values that are not possible or do not fit together, NotFound for a file that does not
    exist, Unavailable if weights cannot be downloaded, and FailedPrecondition without TensorFlow and Keras.
    """

    def __init__(
        self,
        model: Any = None,
        classes: Classes | None = None,
        image: ImageSpec | Mapping[str, Any] | Literal[False] | None = None,
        golden: GoldenImages | None = None,
        *,
        base: str | os.PathLike[str] | None = None,
        shape: Sequence[int] | None = None,
        unfreeze: Unfreeze = None,
        weights: Weights = IMAGENET,
        **unexpected: Never,
    ) -> None:
        if unexpected:
            raise unexpected_option("TransferModel", next(iter(unexpected)), _OPTIONS)
        self.model = model
        self.classes = classes
        self.image = image
        self.golden = golden
        self._history = History()
        self._keeps_keras = base is not None
        if base is not None:
            self._build(find_base(base), checked_shape(shape) if shape is not None else None, unfreeze, weights)
        elif shape is not None or unfreeze is not None or weights != IMAGENET:
            raise InvalidArgument("shape, unfreeze and weights are for a network: give base, such as base='ResNet'")

    def _build(self, base: Base, shape: Shape | None, unfreeze: Unfreeze, weights: Weights) -> None:
        if self.model is not None:
            raise InvalidArgument("model and base are both given: give base to train, or model if it is trained")
        if self.classes is None:
            raise InvalidArgument("classes are missing: give the class names, in the order of the labels' indices")
        self.classes = labels = read_classes(self.classes)
        known = shape or base.shape
        if known is not None:
            self.image = image_for(base, known, self.image)
        with quiet_tensorflow(Progress(), _PURPOSE):
            from lightship.training.network import with_classifier

            self.model = with_classifier(base.build(shape, weights), len(labels))
        if known is None:
            self.image = image_for(base, self.shape, self.image)
        set_trainable(self.model, unfreeze)

    @property
    def shape(self) -> Shape:
        """The shape of the model's images: height, width and channels."""
        height, width, channels = self._keras().inputs[0].shape[1:]
        return height, width, channels

    @property
    def history(self) -> History:
        """What every epoch measured, over all calls of `train`: a list of numbers for "loss", "val_loss" and so on."""
        return self._history

    @property
    def freeze(self) -> LayerTable:
        """The layers, and whether they train."""
        return layer_table(self._keras())

    def set_unfreeze(self, unfreeze: Unfreeze) -> LayerTable:
        """Changes which layers train, and returns the table of them. Call `compile` again before you train.

        unfreeze: as for the class. The classifier always trains. Raises InvalidArgument for an expression that
        matches no layer with weights.
        """
        model = self._keras()
        set_trainable(model, unfreeze)
        model.compiled = False
        return self.freeze

    def compile(
        self,
        loss: Any = "categorical_crossentropy",
        optimizer: Any = "adam",
        metrics: Sequence[Any] | None = ("categorical_accuracy",),
        **options: Any,
    ) -> None:
        """Sets how to train. The arguments, further ones included, are those of `keras.Model.compile`.

        The defaults are for one-hot labels. Raises TypeError for an option that does not exist.
        """
        model = self._keras()
        _check_options("compile", model.compile, options)
        listed = list(metrics) if metrics is not None else None
        model.compile(loss=loss, optimizer=optimizer, metrics=listed, **options)

    def train(
        self,
        ds_train: Any,
        ds_valid: Any = None,
        epochs: int = 10,
        class_weights: ClassWeights | None = None,
        *,
        callbacks: Sequence[Any] = (),
        patience: int | None = _PATIENCE,
        verbose: Any = "auto",
        **options: Any,
    ) -> History:
        """Trains the model and returns `history`.

        ds_train: batches of images and labels, a `tf.data.Dataset` or what else `keras.Model.fit` takes, or a pair of
            arrays. The model gets the images as they are, so they must be preprocessed already: see `preprocess`.
        ds_valid: data of the same form, which is measured after each epoch. It is needed for `patience`.
        epochs: how many times to go through the data. Another call continues from the current weights.
        class_weights: the weight of each class in the loss: a mapping of class names or indices to numbers, in which a
            missing class has the weight 1, or a number for each class.
        patience: training ends if the loss on `ds_valid` has not become lower for so many epochs. Afterwards, also
            after Ctrl-C, the model has the weights of the best epoch of this call. None: all epochs, the last weights.
        callbacks, verbose: as for `keras.Model.fit`. Its other arguments may be given, too.

        Warns with `PreprocessingMismatchWarning` if the images cannot have gone through the preprocessing of the image
        spec. Raises FailedPrecondition before `compile` and for a model that cannot be trained, InvalidArgument for
        data that does not fit, and TypeError for an option that does not exist.
        """
        model = self._compiled()
        from lightship.training.fitting import FitOptions, check_fit, fit

        _check_options("train", model.fit, options)
        how = FitOptions(epochs, patience, class_weights, callbacks, verbose, options)
        check_fit(model, ds_train, ds_valid, how, self._spec(), depth=2)
        self._keeps_keras = True
        fit(model, ds_train, ds_valid, how, self._labels(), self._history)
        return self._history

    def evaluate(self, ds_test: Any, *, verbose: Any = 0) -> dict[str, float]:
        """Returns the loss and the metrics of the model on data of the form of `train`.

        Raises FailedPrecondition before `compile`, and InvalidArgument for data that does not fit.
        """
        model = self._compiled()
        from lightship.training.data import check_labelled, keras_arguments

        check_labelled(ds_test, model, "ds_test")
        figures = model.evaluate(**keras_arguments(ds_test), return_dict=True, verbose=verbose)
        return {name: float(number) for name, number in figures.items()}

    def predict(self, ds_new: Any, proba: bool = True, *, verbose: Any = 0) -> NDArray[Any]:
        """Returns the probabilities, float32 [n, classes], or with `proba=False` the best classes' indices, int64 [n].

        ds_new: batches of images as the model takes them, with or without labels, or an array [n, height, width,
            channels].

        Raises InvalidArgument for data that does not fit.
        """
        model = self._keras()
        from lightship.training.predicting import scores_of_data

        scores = scores_of_data(model, ds_new, verbose)
        return scores if proba else scores.argmax(axis=-1)

    def predict_from_jpeg_path(
        self, path: str | os.PathLike[str], classes: Classes | None = None, *, proba: bool = False
    ) -> str | NDArray[np.float32]:
        """Returns the class of a photo, or with `proba=True` the probabilities of all classes, float32 [classes].

        path: the file of a JPEG, PNG, BMP, GIF or WebP photo. It is prepared by the image spec, as a server does it.
        classes: the names to choose from, in the order of training; by default those of the model.

        Raises the errors of reading and decoding a photo, with its path, and FailedPrecondition without an image spec.
        """
        spec = self._spec()
        from lightship.training.predicting import input_of_photo

        if spec is None:
            raise FailedPrecondition(
                "the model has no image spec, so it cannot prepare photos: give "
                "TransferModel(image=ImageSpec(preprocessing=...)), with what training did"
            )
        return self._answer(input_of_photo(Path(path), spec), classes, proba)

    def predict_from_array(
        self, array: Any, classes: Classes | None = None, *, proba: bool = False
    ) -> str | NDArray[np.float32]:
        """Returns what `predict_from_jpeg_path` does, for one image.

        array: float numbers as the model takes them, [height, width, channels] or [1, height, width, channels]; or
            uint8 pixels of any size, which are prepared by the image spec.

        Raises InvalidArgument for another shape.
        """
        model, spec = self._keras(), self._spec()
        from lightship.training.predicting import input_of_array

        return self._answer(input_of_array(array, model, spec, depth=2), classes, proba)

    def preprocess(self, images: Any) -> Any:
        """Applies the image spec's preprocessing to resized images, pixels 0..255, and returns float32.

        images: a numpy array or a TensorFlow tensor [..., height, width, channels]; the result is of the same kind.

        >>> ds_train = ds_train.map(lambda images, labels: (model.preprocess(images), labels))

        Raises FailedPrecondition without an image spec.
        """
        spec = self._spec()
        if spec is None:
            raise FailedPrecondition(
                "the model has no image spec, so it cannot preprocess: give TransferModel(image=ImageSpec(...))"
            )
        if isinstance(images, np.ndarray):
            return spec.preprocessing.apply(images)
        import tensorflow as tf

        from lightship.packaging.image_graph import apply_in_graph

        # It needs no conversion by AutoGraph, which would print warnings.
        apply = tf.autograph.experimental.do_not_convert(apply_in_graph)
        return apply(tf.cast(images, tf.float32), spec.preprocessing)

    def save(
        self,
        folder: str | os.PathLike[str],
        version: int | None = None,
        *,
        layout: Layout = "bundle",
        explain: str | Literal[False] | None = None,
        overwrite: bool = False,
        keep_keras: bool | None = None,
        progress: ProgressOption = None,
    ) -> Path:
        """Writes `version`, by default the next free one, into `folder` and returns its path.

        layout: "classic" writes a new folder with `model/` and `classes.pickle` instead, which has no versions.
        explain, overwrite, progress: as in `lightship.export`.
        keep_keras: whether to write the Keras model too, without the state of its optimizer, so that `load` can return
            it to be trained further. By default it is written if it was trained or loaded by this class.

        Raises AttributeError without a model, AlreadyExists if the folder of the classic layout exists, and the errors
        of `lightship.export`.
        """
        if self.model is None:
            raise AttributeError("Model does not exist")
        keep = self._keeps_keras if keep_keras is None else keep_keras
        options = SaveOptions(version, layout, explain, overwrite, keep, progress)
        if layout not in LAYOUTS:
            raise InvalidArgument(f"layout is {layout!r}; give 'bundle' or 'classic'")
        if layout == "classic":
            return save_classic(self._keras(), Path(folder), self.classes, self._spec(), options)
        model = self._keras() if keep else self.model
        return save_bundle(model, Path(folder), self.classes, self.image, self.golden, options, depth=2)

    def load(self, folder: str | os.PathLike[str], version: int | None = None) -> Self:
        """Loads a saved model with its classes and image spec into this object, and returns the object.

        folder: a model's folder, such as models/cars, of which `version` is loaded, by default the newest; a version
            folder; a folder of the classic layout; or a Keras file.

        >>> model = lightship.TransferModel().load("models/cars")

        A version without its Keras model can predict, but not be trained. Raises NotFound if there is no version or
        not this one, DataLoss if files are broken or were changed, and InvalidArgument for what is not a model.
        """
        with quiet_tensorflow(Progress(), _PURPOSE):
            from lightship.training.loading import load_trained

            loaded = load_trained(folder, version)
        self.model = loaded.model
        self.classes = self.classes if loaded.classes is None else loaded.classes
        self.image = self.image if loaded.image is None else loaded.image
        self._keeps_keras = loaded.can_train
        self._history = History()
        return self

    def __repr__(self) -> str:
        parts = [self._model_text(), f"classes: {self._classes_text()}", f"image: {self.image or 'none'}"]
        return f"TransferModel({', '.join(parts)})"

    def _repr_html_(self) -> str:
        from lightship import notebook

        rows = [("model", self._model_text()), ("classes", self._classes_text()), ("image", self.image or "none")]
        return notebook.table("TransferModel", rows)

    def _keras(self) -> keras.Model:
        """Returns the Keras model. One that was given as a file is loaded the first time."""
        if self.model is None:
            raise AttributeError("Model does not exist")
        if isinstance(self.model, (str, os.PathLike)):
            keeps = self._keeps_keras
            self.load(self.model)
            self._keeps_keras = keeps
        return self.model

    def _compiled(self) -> keras.Model:
        model = self._keras()
        if not getattr(model, "compiled", False):
            raise FailedPrecondition("the model is not compiled: call compile() first, and again after set_unfreeze()")
        return model

    def _labels(self) -> tuple[str, ...] | None:
        return read_classes(self.classes) if self.classes is not None else None

    def _spec(self) -> ImageSpec | None:
        """Returns the image spec with a height and a width."""
        if self.image is None or self.image is False:
            return None
        spec = self.image if isinstance(self.image, ImageSpec) else ImageSpec.from_json(self.image)
        height, width, _ = self.shape
        return spec.sized(height, width) if height and width else spec

    def _answer(self, image: NDArray[np.float32], classes: Classes | None, proba: bool) -> str | NDArray[np.float32]:
        from lightship.training.predicting import label_of, scores_of_one

        scores = scores_of_one(self._keras(), image)
        if proba:
            return scores
        labels = self._labels() if classes is None else read_classes(classes)
        if labels is None:
            raise FailedPrecondition("the classes are not known: give their names, in the order of training")
        return label_of(scores, labels)

    def _model_text(self) -> str:
        if self.model is None or isinstance(self.model, (str, Path)):
            return "no model" if self.model is None else repr(str(self.model))
        name = getattr(self.model, "name", None)
        return f"{type(self.model).__name__}{f' {name!r}' if isinstance(name, str) else ''}"

    def _classes_text(self) -> str:
        if self.classes is None or isinstance(self.classes, (str, Path)):
            return "none" if self.classes is None else repr(str(self.classes))
        some = [repr(one) for one, _ in zip(self.classes, range(_SHOWN), strict=False)]
        more = len(self.classes) - len(some)
        return f"{len(self.classes)} ({', '.join(some)}{f', {more} more' if more else ''})"


def _check_options(method: str, keras_method: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Raises TypeError for an option that the method of Keras does not have."""
    known = [name for name in signature(keras_method).parameters if name not in _NOT_OPTIONS]
    for name in options:
        if name not in known:
            raise unexpected_option(f"TransferModel.{method}", name, known)
