package io.github.tensorseed.dlpack;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.cuda.CudaDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/// DLPack 1.1: tensors lent to other libraries and borrowed from them, in place, by the address of a C struct. Nothing is copied.
///
/// Lending: the consumer owns the struct, and calls its deleter once, from any thread, when it needs the values no more. The memory stays
/// until then: a [Tensor#close] before that takes effect at that call, and closing the device is refused until it. Memory that a device
/// only wraps is its owner's to keep.
///
/// Borrowing: the tensor's close calls the producer's deleter, once however often it is closed; a tensor that cannot be borrowed is given
/// back before the exception. The flag `IS_COPIED` changes nothing: the memory is used in place either way.
///
/// On a GPU values are ready in the order of the device's stream, and DLPack has no word about streams: a consumer on another stream begins
/// after [CudaDevice#synchronize], or after an event of that stream, and a producer's values must be ready for it when they are borrowed.
/// Giving back waits for the stream.
///
/// - Source: dlpack.h 1.1, github.com/dmlc/dlpack.
public enum DLPack {
  /// `DLManagedTensorVersioned`, which capsules named `dltensor_versioned` hold.
  VERSIONED(Structs.VERSIONED),
  /// `DLManagedTensor`, without version and flags, which capsules named `dltensor` hold: for libraries that know no other, as TensorFlow's
  /// C API.
  LEGACY(Structs.LEGACY);

  // kDLCPU, kDLCUDA, kDLCUDAHost
  private static final int CPU = 1;
  private static final int CUDA = 2;
  private static final int CUDA_HOST = 3;

  private static final int MAJOR = 1;
  private static final int MINOR = 1;
  private static final long READ_ONLY = 1;
  /// More axes than any library has are no tensor.
  private static final int MOST_AXES = 64;

  private static final class Structs {
    static final StructLayout TENSOR = MemoryLayout.structLayout(
        ADDRESS.withName("data"), JAVA_INT.withName("device_type"), JAVA_INT.withName("device_id"), JAVA_INT.withName("ndim"),
        JAVA_BYTE.withName("code"), JAVA_BYTE.withName("bits"), JAVA_SHORT.withName("lanes"),
        ADDRESS.withName("shape"), ADDRESS.withName("strides"), JAVA_LONG.withName("byte_offset"));
    static final StructLayout VERSIONED = MemoryLayout.structLayout(JAVA_INT.withName("major"), JAVA_INT.withName("minor"),
        ADDRESS.withName("manager_ctx"), ADDRESS.withName("deleter"), JAVA_LONG.withName("flags"), TENSOR.withName("tensor"));
    static final StructLayout LEGACY = MemoryLayout.structLayout(
        TENSOR.withName("tensor"), ADDRESS.withName("manager_ctx"), ADDRESS.withName("deleter"));

    private Structs() {}

    /// Where a field of the tensor is in it.
    static long at(String name) {
      return TENSOR.byteOffset(groupElement(name));
    }

    /// Where a field is that the versioned struct alone has.
    static long versioned(String name) {
      return VERSIONED.byteOffset(groupElement(name));
    }
  }

  /// What the deleter is: one function for all that is lent, and a call of a producer's.
  private static final class Deleter {
    private static final FunctionDescriptor TYPE = FunctionDescriptor.ofVoid(ADDRESS);
    static final MemorySegment OURS = ours();
    static final MethodHandle THEIRS = theirs();

    private Deleter() {}

    @SuppressWarnings("restricted")
    private static MemorySegment ours() {
      try {
        MethodHandle delete =
            MethodHandles.lookup().findStatic(Deleter.class, "delete", MethodType.methodType(void.class, MemorySegment.class));
        return Linker.nativeLinker().upcallStub(delete, TYPE, Arena.global());
      } catch (ReflectiveOperationException e) {
        throw new LinkageError("a method of this class", e);
      }
    }

    @SuppressWarnings("restricted")
    private static MethodHandle theirs() {
      return Linker.nativeLinker().downcallHandle(TYPE);
    }

    /// Called by consumers. An exception that left this method would end the JVM.
    @SuppressWarnings("unused") // by its name
    private static void delete(MemorySegment self) {
      System.Logger log = System.getLogger(DLPack.class.getName());
      try {
        Loan loan = LENT.remove(self.address());
        if (loan == null) {
          log.log(System.Logger.Level.ERROR, "a DLPack deleter was called again, or for another struct than its own; nothing was freed");
        } else {
          loan.release.run();
        }
      } catch (Throwable e) {
        log.log(System.Logger.Level.ERROR, "memory that was lent by DLPack is not freed", e);
      }
    }
  }

  /// @param struct is kept, for the consumer
  private record Loan(MemorySegment struct, Runnable release) {}

  /// By the address of the struct.
  private static final Map<Long, Loan> LENT = new ConcurrentHashMap<>();

  private final long size;
  private final long tensor;
  private final long deleter;

  DLPack(StructLayout layout) {
    size = layout.byteSize();
    tensor = layout.byteOffset(groupElement("tensor"));
    deleter = layout.byteOffset(groupElement("deleter"));
  }

  /// Lends a tensor of the host or of one GPU: a new struct for the consumer, whose deleter it calls once. A part of a tensor is lent as a
  /// tensor of the part's shape. A read-only tensor is lent as such, which the legacy struct cannot say.
  ///
  /// @throws IllegalArgumentException if no other library could use its memory: it is that of a Java array, or of several devices
  /// @throws IllegalStateException if the tensor is closed
  public MemorySegment lend(Tensor tensor) {
    MemorySegment memory = tensor.memory();
    String device = tensor.device().name();
    if (!memory.isNative()) {
      throw new IllegalArgumentException("the tensor " + tensor + " lies in a Java array, without an address; lend one that was allocated");
    }
    if (!device.matches("cpu|cuda:\\d+")) {
      throw new IllegalArgumentException("the tensor " + tensor + " is not on the host nor on one GPU");
    }
    if (this == LEGACY && memory.isReadOnly()) {
      throw new IllegalArgumentException("the tensor " + tensor + " is read-only, which a DLManagedTensor cannot say; take VERSIONED");
    }
    boolean host = device.equals("cpu");
    Shape shape = tensor.shape();
    int rank = shape.rank();
    // The shape and the strides lie behind the struct. Garbage collection frees it: a consumer that looks at it after its own call reads no
    // other's.
    MemorySegment self = Arena.ofAuto().allocate(size + 2L * rank * Long.BYTES, Long.BYTES);
    MemorySegment extents = self.asSlice(size, (long) rank * Long.BYTES);
    MemorySegment strides = self.asSlice(size + extents.byteSize(), extents.byteSize());
    MemorySegment.copy(shape.extents(), 0, extents, JAVA_LONG, 0, rank);
    MemorySegment.copy(rowMajor(shape), 0, strides, JAVA_LONG, 0, rank);
    if (this == VERSIONED) {
      self.set(JAVA_INT, Structs.versioned("major"), MAJOR);
      self.set(JAVA_INT, Structs.versioned("minor"), MINOR);
      self.set(JAVA_LONG, Structs.versioned("flags"), memory.isReadOnly() ? READ_ONLY : 0);
    }
    self.set(ADDRESS, deleter, Deleter.OURS);
    MemorySegment fields = self.asSlice(this.tensor, Structs.TENSOR);
    // All of the address is in data, aligned or not, and none in byte_offset: there are consumers that forget it.
    fields.set(ADDRESS, Structs.at("data"), shape.elements() == 0 ? MemorySegment.NULL : memory);
    fields.set(JAVA_INT, Structs.at("device_type"), host ? CPU : CUDA);
    fields.set(JAVA_INT, Structs.at("device_id"), host ? 0 : Integer.parseInt(device.substring("cuda:".length())));
    fields.set(JAVA_INT, Structs.at("ndim"), rank);
    fields.set(JAVA_BYTE, Structs.at("code"), code(tensor.dtype()));
    fields.set(JAVA_BYTE, Structs.at("bits"), (byte) (8 * tensor.dtype().bytes()));
    fields.set(JAVA_SHORT, Structs.at("lanes"), (short) 1);
    fields.set(ADDRESS, Structs.at("shape"), extents);
    fields.set(ADDRESS, Structs.at("strides"), strides);
    LENT.put(self.address(), new Loan(self, tensor.hold()));
    return self;
  }

  /// Borrows what another library lends, and owns the struct from now on, whether this returns or throws.
  ///
  /// The device is that of the memory: the host (`kDLCPU`, `kDLCUDAHost`) or the GPU of that number (`kDLCUDA`), which takes `kDLCUDAHost`
  /// as well. Memory may be aligned in any way. A read-only tensor can be read, and fills and writes of it are refused.
  ///
  /// @param managed the address of the struct
  /// @throws IllegalArgumentException if the tensor is not row-major without gaps, lies elsewhere, is of another major version, or has
  ///     elements that no [DType] names; the message has the remedy
  @SuppressWarnings("restricted")
  public Tensor borrow(MemorySegment managed, Device device) {
    if (managed.address() == 0) {
      throw new IllegalArgumentException("NULL is no tensor to borrow");
    }
    Arena arena = Arena.ofShared();
    MemorySegment self = managed.reinterpret(size, arena, this::giveBack);
    try {
      return borrow(self, device, arena);
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  /// @param self the struct; with the arena it is given back
  @SuppressWarnings("restricted")
  private Tensor borrow(MemorySegment self, Device device, Arena arena) {
    if (this == VERSIONED && self.get(JAVA_INT, Structs.versioned("major")) != MAJOR) {
      int major = self.get(JAVA_INT, Structs.versioned("major"));
      throw new IllegalArgumentException("a DLPack tensor of major version " + Integer.toUnsignedString(major) + ", and version " + MAJOR
          + " is known here; ask its library for max_version=(" + MAJOR + ", " + MINOR + ")");
    }
    MemorySegment fields = self.asSlice(tensor, Structs.TENSOR);
    requireOn(device, fields.get(JAVA_INT, Structs.at("device_type")), fields.get(JAVA_INT, Structs.at("device_id")));
    DType dtype = dtype(fields);
    Shape shape = shape(fields);
    MemorySegment strides = fields.get(ADDRESS, Structs.at("strides"));
    if (strides.address() != 0) {
      requireRowMajor(shape, longs(strides, shape.rank()));
    }
    long data = fields.get(ADDRESS, Structs.at("data")).address();
    if (data == 0 && shape.elements() > 0) {
      throw new IllegalArgumentException("a DLPack tensor of shape " + shape + " without data");
    }
    MemorySegment memory = MemorySegment.ofAddress(shape.elements() == 0 ? 0 : data + fields.get(JAVA_LONG, Structs.at("byte_offset")))
        .reinterpret(shape.bytes(dtype), arena, null);
    Slice slice = Slice.of(shape);
    MemorySegment wrapped = device.wrap(memory, dtype, slice).memory();
    boolean readOnly = this == VERSIONED && (self.get(JAVA_LONG, Structs.versioned("flags")) & READ_ONLY) != 0;
    return new Tensor(device, dtype, slice, readOnly ? wrapped.asReadOnly() : wrapped, () -> close(arena, device));
  }

  /// What the GPU still does with the memory must be done before it is another's.
  private static void close(Arena arena, Device device) {
    synchronized (arena) {
      if (!arena.scope().isAlive()) {
        return;
      }
      try {
        if (device instanceof CudaDevice gpu) {
          gpu.synchronize();
        }
      } catch (IllegalStateException e) {
        // The device has been closed, and waited then.
      } finally {
        arena.close();
      }
    }
  }

  /// Calls the producer's deleter, if it has one.
  private void giveBack(MemorySegment self) {
    MemorySegment function = self.get(ADDRESS, deleter);
    if (function.address() == 0) {
      return;
    }
    try {
      Deleter.THEIRS.invokeExact(function, self);
    } catch (Throwable e) {
      throw new IllegalStateException("a DLPack deleter cannot be called", e);
    }
  }

  private static void requireOn(Device device, int type, int id) {
    String name = device.name();
    String place = switch (type) {
      case CPU -> "cpu";
      case CUDA -> "cuda:" + id;
      case CUDA_HOST -> name.startsWith("cuda:") ? name : "cpu";
      default -> throw new IllegalArgumentException("a DLPack tensor on a device of type " + type + ": known are 1 (kDLCPU), 2 (kDLCUDA)"
          + " and 3 (kDLCUDAHost); have its library copy it to one of these");
    };
    if (!name.equals(place)) {
      throw new IllegalArgumentException("a DLPack tensor on " + place + " for the device " + name
          + "; open " + place + " and borrow it there");
    }
  }

  private static byte code(DType dtype) {
    return switch (dtype) {
      case F64, F32, F16 -> 2; // kDLFloat
      case BF16 -> 4; // kDLBfloat
      case F8_E4M3 -> 10; // kDLFloat8_e4m3fn
      case F8_E5M2 -> 12; // kDLFloat8_e5m2
    };
  }

  private static DType dtype(MemorySegment fields) {
    byte code = fields.get(JAVA_BYTE, Structs.at("code"));
    int bits = Byte.toUnsignedInt(fields.get(JAVA_BYTE, Structs.at("bits")));
    int lanes = Short.toUnsignedInt(fields.get(JAVA_SHORT, Structs.at("lanes")));
    for (DType dtype : DType.values()) {
      if (code(dtype) == code && 8 * dtype.bytes() == bits && lanes == 1) {
        return dtype;
      }
    }
    throw new IllegalArgumentException("a DLPack tensor of elements of code " + Byte.toUnsignedInt(code) + ", " + bits + " bits and "
        + lanes + " lanes, which no dtype here is; convert it in its library to one of " + Arrays.toString(DType.values()));
  }

  private static Shape shape(MemorySegment fields) {
    int rank = fields.get(JAVA_INT, Structs.at("ndim"));
    MemorySegment extents = fields.get(ADDRESS, Structs.at("shape"));
    if (rank < 0 || rank > MOST_AXES || rank > 0 && extents.address() == 0) {
      throw new IllegalArgumentException("a DLPack tensor of " + rank + " axes" + (extents.address() == 0 ? " without a shape" : ""));
    }
    return Shape.of(longs(extents, rank));
  }

  @SuppressWarnings("restricted")
  private static long[] longs(MemorySegment address, int count) {
    return address.reinterpret((long) count * Long.BYTES).toArray(JAVA_LONG);
  }

  private static long[] rowMajor(Shape shape) {
    long[] strides = new long[shape.rank()];
    long stride = 1;
    for (int axis = shape.rank() - 1; axis >= 0; axis--) {
      strides[axis] = stride;
      stride *= Math.max(1, shape.extent(axis));
    }
    return strides;
  }

  /// The stride of an axis of extent 1 says nothing, nor does any where there are no elements.
  private static void requireRowMajor(Shape shape, long[] strides) {
    long[] wanted = rowMajor(shape);
    for (int axis = 0; axis < strides.length && shape.elements() > 0; axis++) {
      if (shape.extent(axis) > 1 && strides[axis] != wanted[axis]) {
        throw new IllegalArgumentException("a DLPack tensor of shape " + shape + " and strides " + Arrays.toString(strides)
            + ", and here tensors are row-major without gaps, strides " + Arrays.toString(wanted)
            + "; have its library make it so, as contiguous() does in PyTorch and ascontiguousarray() in NumPy");
      }
    }
  }
}
