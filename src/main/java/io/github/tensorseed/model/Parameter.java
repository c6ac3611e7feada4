package io.github.tensorseed.model;

import io.github.tensorseed.Fans;
import io.github.tensorseed.Shape;
import org.jspecify.annotations.Nullable;

/// One parameter of a model, before its dtype and recipe are chosen.
///
/// @param layout where its axes of inputs and outputs are
/// @param fans its logical fans, where shape and layout do not tell them: of one of the blocks of a fused weight
/// @param layer for a bias, the fans of the weight beside it
/// @param initializer the expression of what the model's own implementation does
record Parameter(
    String name, Shape shape, Fans.Layout layout, @Nullable Fans fans, @Nullable Fans layer, @Nullable String initializer) {}
