/// Low-rank adapters of a checkpoint's weights: LoRA, PiSSA and OLoRA, in the layout that Hugging Face's PEFT loads.
@NullMarked
package io.github.tensorseed.adapter;

import org.jspecify.annotations.NullMarked;
