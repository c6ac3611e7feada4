package io.github.tensorseed.djl;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.nn.Block;
import io.github.tensorseed.DType;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import io.github.tensorseed.cpu.CpuDevice;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// One of our initializers as DJL calls it: an NDArray gets the bits of a CPU tensor of its shape, on the stream of its name.
///
/// DJL tells an initializer shape and type, but not of which parameter, and one that several parameters share gives equal shapes equal
/// values. [#setAll] makes one for each parameter of a block.
///
/// - Shape: as DJL has them, which is as PyTorch does: `Linear` \[out, in\], `Conv2d` \[out, in / groups, height, width\], `Embedding`
///   \[items, size\], whose fan-in is the size.
/// - Precision: FLOAT64, FLOAT32 and FLOAT16. DJL has no floats of 8 bits, and BFLOAT16 only by name: the PyTorch engine of DJL 0.35.1 ends
///   the process when asked for it.
///
/// @param seed the stream of the model
/// @param name of the parameter
public record NamedInitializer(Initializer initializer, RandomStream seed, String name)
    implements ai.djl.training.initializer.Initializer {

  /// Gives the parameters of a block initializers by their names, as in `01Linear_weight`. Call it before the block is initialized.
  ///
  /// ```java
  /// NamedInitializer.setAll(net, RandomStream.of(42), name -> name.endsWith("_weight") ? Initializers.heNormal() : Initializers.zeros());
  /// ```
  ///
  /// @param rules the initializer of a name; null leaves a parameter its own. A recipe has them as well: `recipe::initializer`
  /// @throws IllegalStateException if a parameter has its values already
  public static void setAll(Block block, RandomStream seed, Function<String, @Nullable Initializer> rules) {
    block.getParameters().forEach(parameter -> {
      String name = parameter.getKey();
      Initializer initializer = rules.apply(name);
      if (initializer != null) {
        if (parameter.getValue().isInitialized()) {
          throw new IllegalStateException("the parameter '" + name + "' has its values already; set initializers before the block is"
              + " initialized");
        }
        parameter.getValue().setInitializer(new NamedInitializer(initializer, seed, name));
      }
    });
  }

  /// Fills memory of PyTorch on the host in place; elsewhere a buffer, which the engine is given and copies where it has to.
  ///
  /// @throws IllegalArgumentException if there are no values of this shape and type
  @Override
  public NDArray initialize(NDManager manager, ai.djl.ndarray.types.Shape shape, DataType type) {
    DType dtype = switch (type) {
      case FLOAT64 -> DType.F64;
      case FLOAT32 -> DType.F32;
      case FLOAT16 -> DType.F16;
      default -> throw new IllegalArgumentException(
          "parameter '" + name + "' is " + type + ", and first weights are FLOAT64, FLOAT32 or FLOAT16");
    };
    Slice slice = Slice.of(Shape.of(shape.getShape()));
    long bytes = slice.shape().bytes(dtype);
    if (manager.getDevice().equals(Device.cpu()) && manager.getEngine().getEngineName().equals("PyTorch")) {
      NDArray array = manager.create(shape, type);
      try {
        fill(memory(array, bytes), dtype, slice);
        return array;
      } catch (RuntimeException e) {
        array.close();
        throw e;
      }
    }
    if (bytes > Integer.MAX_VALUE) {
      throw new IllegalArgumentException("parameter '" + name + "' has " + bytes + " bytes, and DJL takes at most " + Integer.MAX_VALUE
          + " from the host at once");
    }
    ByteBuffer buffer = manager.allocateDirect((int) bytes);
    fill(MemorySegment.ofBuffer(buffer), dtype, slice);
    return manager.create(buffer, shape, type);
  }

  private void fill(MemorySegment memory, DType dtype, Slice slice) {
    try (CpuDevice cpu = CpuDevice.open()) {
      initializer.fill(cpu.wrap(memory, dtype, slice), seed, name);
    }
  }

  /// Where PyTorch has the elements of an array on the host. A view of the first one says so: a buffer has less than 2^31 bytes, and an
  /// array may have more.
  @SuppressWarnings("restricted")
  private static MemorySegment memory(NDArray array, long bytes) {
    if (bytes == 0) {
      return MemorySegment.NULL;
    }
    try (NDArray flat = array.reshape(-1); NDArray first = flat.get("0:1")) {
      return MemorySegment.ofAddress(MemorySegment.ofBuffer(first.toByteBuffer(true)).address()).reinterpret(bytes);
    }
  }
}
