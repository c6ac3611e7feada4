/// From a model's configuration to the plan of its tensors, and from the plan to its files.
@NullMarked
package io.github.tensorseed.model;

import org.jspecify.annotations.NullMarked;
