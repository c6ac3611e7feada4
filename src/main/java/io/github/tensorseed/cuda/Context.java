package io.github.tensorseed.cuda;

import io.github.tensorseed.DType;
import io.github.tensorseed.DeviceException;
import io.github.tensorseed.DeviceMemoryException;
import io.github.tensorseed.DeviceUnavailableException;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Slice;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntSupplier;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUjit_option;
import jcuda.driver.CUmemorytype;
import jcuda.driver.CUmodule;
import jcuda.driver.CUpointer_attribute;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;

/// A CUDA context with one stream, on which everything happens in order, the kernels, and the memory that was allocated here.
///
/// The context is the GPU's primary one or the caller's, and others use it too: it is current on a thread only during a call, and never
/// reset.
final class Context implements AutoCloseable {
  private static final int LOG = 4096;

  private static final int BLOCK = 256;
  /// Elements for which a thread is worth while.
  private static final int PER_THREAD = 8;
  /// A grid that fills the GPU a few times over evens out its end; more blocks would only be started for less each.
  private static final int BLOCKS_PER_MULTIPROCESSOR = 32;

  /// Something that the driver made, and how it is given back.
  private record Release(String call, IntSupplier action) {}

  /// Memory of this device, until its arena is closed.
  ///
  /// @param memory of size zero, at the address
  record Allocation(Arena arena, MemorySegment memory, long bytes) {}

  private record Entry(String name, CUfunction function) {}

  /// For the time that the context is current on a thread.
  final class Entered implements AutoCloseable {
    private Entered() {}

    @Override
    public void close() {
      check(JCudaDriver.cuCtxPopCurrent(new CUcontext()), "cuCtxPopCurrent");
    }
  }

  private final int ordinal;
  private final CUdevice device;
  private final CUcontext context;
  private final CUstream stream;
  private final boolean primary;
  private final Entered entered = new Entered();
  private final Launches launches = new Launches();
  private final CUmodule module = new CUmodule();
  private final Map<Kernel, Map<DType, Entry>> kernels = new EnumMap<>(Kernel.class);
  private final Deque<Release> releases = new ArrayDeque<>();
  private final Map<Arena, Allocation> allocations = new ConcurrentHashMap<>();
  /// What a launch hands over lies in native memory: out, count, start, run, stride, key, then the law's parameters.
  private final Arena arena = Arena.ofShared();
  private final MemorySegment numbers = arena.allocate(6 * Long.BYTES + Kernel.PARAMETERS, Long.BYTES);
  private final MemorySegment parameters = numbers.asSlice(6 * Long.BYTES);
  private final Pointer arguments;
  private int mostBlocks = 1;
  private volatile boolean lost;
  private volatile boolean closed;

  private Context(int ordinal, CUdevice device, CUcontext context, CUstream stream, boolean primary) {
    this.ordinal = ordinal;
    this.device = device;
    this.context = context;
    this.stream = stream;
    this.primary = primary;
    MemorySegment addresses = arena.allocate(ValueLayout.ADDRESS, 7);
    for (int i = 0; i < 7; i++) {
      addresses.setAtIndex(ValueLayout.ADDRESS, i, numbers.asSlice((long) i * Long.BYTES));
    }
    arguments = pointer(addresses);
  }

  /// The primary context of a GPU, with a stream of our own.
  ///
  /// @throws DeviceUnavailableException if that cannot be, with the reason and the remedy
  static Context open(int ordinal) {
    Driver driver = Driver.require();
    if (ordinal < 0 || ordinal >= driver.devices()) {
      throw new DeviceUnavailableException("there is no GPU " + ordinal + ": this machine has "
          + (driver.devices() == 1 ? "cuda:0 alone" : "cuda:0 to cuda:" + (driver.devices() - 1)));
    }
    Gpu gpu = driver.gpu(ordinal);
    if (!gpu.isSupported()) {
      throw new DeviceUnavailableException(gpu.name() + " has compute capability " + gpu.computeCapability()
          + ", and the kernels need 7.0 (Volta) or later; take the device cpu, which gives the same bits");
    }
    JCudaLibrary.require();
    CUdevice device = new CUdevice();
    CUcontext context = new CUcontext();
    require(JCudaDriver.cuDeviceGet(device, ordinal), "cuDeviceGet");
    require(JCudaDriver.cuDevicePrimaryCtxRetain(context, device), "cuDevicePrimaryCtxRetain");
    return new Context(ordinal, device, context, new CUstream(), true).loaded();
  }

  /// The context that is current on this thread, and a stream of it.
  ///
  /// @throws IllegalStateException if none is current
  /// @throws DeviceUnavailableException if the kernels cannot be loaded
  static Context attach(CUstream stream) {
    Driver driver = Driver.require();
    JCudaLibrary.require();
    CUcontext context = new CUcontext();
    require(JCudaDriver.cuCtxGetCurrent(context), "cuCtxGetCurrent");
    if (context.equals(new CUcontext())) {
      throw new IllegalStateException("no CUDA context is current on this thread; make the one of the stream current (cuCtxSetCurrent),"
          + " or open a device of its own");
    }
    CUdevice device = new CUdevice();
    require(JCudaDriver.cuCtxGetDevice(device), "cuCtxGetDevice");
    int ordinal = -1;
    CUdevice candidate = new CUdevice();
    while (++ordinal < driver.devices()) {
      require(JCudaDriver.cuDeviceGet(candidate, ordinal), "cuDeviceGet");
      if (candidate.equals(device)) {
        break;
      }
    }
    return new Context(ordinal, device, context, stream, false).loaded();
  }

  private static void require(int code, String call) {
    if (code != Codes.SUCCESS) {
      throw new DeviceUnavailableException("the GPU cannot be used: " + Codes.text(call, code) + Codes.remedy(call, code));
    }
  }

  /// This context with what it needs on the GPU.
  private Context loaded() {
    try {
      load();
      return this;
    } catch (DeviceException | UncheckedIOException e) {
      throw closed(e);
    }
  }

  /// Closes this context, which cannot be used.
  ///
  /// @param reason why
  DeviceUnavailableException closed(RuntimeException reason) {
    DeviceUnavailableException unavailable = new DeviceUnavailableException(String.valueOf(reason.getMessage()), reason);
    try {
      close();
    } catch (DeviceException late) {
      unavailable.addSuppressed(late);
    }
    return unavailable;
  }

  private void load() {
    try (Entered _ = enter()) {
      mostBlocks = Math.max(1, attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT) * BLOCKS_PER_MULTIPROCESSOR);
      if (primary) {
        made(JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING), "cuStreamCreate",
            "cuStreamDestroy", () -> JCudaDriver.cuStreamDestroy(stream));
      }
      // From Ampere on, rounding to BF16 takes one instruction.
      load(
          attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR) < 8 ? "kernels_sm_70.ptx" : "kernels_sm_80.ptx");
      // All at once, so that a fill is a launch and nothing else.
      for (Kernel kernel : Kernel.values()) {
        Map<DType, Entry> entries = new EnumMap<>(DType.class);
        for (DType dtype : DType.values()) {
          entries.put(dtype, find(kernel.entry(dtype)));
        }
        kernels.put(kernel, entries);
      }
    }
  }

  private Entry find(String name) {
    Entry entry = new Entry(name, new CUfunction());
    check(JCudaDriver.cuModuleGetFunction(entry.function, module, name), "cuModuleGetFunction of " + name);
    return entry;
  }

  private int attribute(int attribute) {
    int[] value = new int[1];
    check(JCudaDriver.cuDeviceGetAttribute(value, attribute, device), "cuDeviceGetAttribute");
    return value[0];
  }

  private void load(String kernels) {
    try (Arena text = Arena.ofConfined(); InputStream in = Context.class.getResourceAsStream(kernels)) {
      if (in == null) {
        throw new DeviceUnavailableException("this build of tensorseed is without the kernels (" + kernels + ")");
      }
      byte[] bytes = in.readAllBytes();
      MemorySegment image = text.allocate(bytes.length + 1L);
      MemorySegment.copy(bytes, 0, image, ValueLayout.JAVA_BYTE, 0, bytes.length);
      MemorySegment log = text.allocate(LOG);
      MemorySegment values = text.allocate(ValueLayout.JAVA_LONG, 2);
      values.setAtIndex(ValueLayout.JAVA_LONG, 0, log.address());
      values.setAtIndex(ValueLayout.JAVA_LONG, 1, LOG - 1);
      int[] options = {CUjit_option.CU_JIT_ERROR_LOG_BUFFER, CUjit_option.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
      int code = JCudaDriver.cuModuleLoadDataEx(module, pointer(image), options.length, options, pointer(values));
      String complaint = log.getString(0).lines().findFirst().map(line -> " (" + line.strip() + ")").orElse("");
      made(code, "cuModuleLoadDataEx" + complaint, "cuModuleUnload", () -> JCudaDriver.cuModuleUnload(module));
    } catch (IOException e) {
      throw new UncheckedIOException("the kernels cannot be read: " + e.getMessage(), e);
    }
  }

  String name() {
    return "cuda:" + ordinal;
  }

  CUstream stream() {
    return stream;
  }

  /// Native memory as JCuda takes it.
  static Pointer pointer(MemorySegment memory) {
    return new Pointer().withByteOffset(memory.address());
  }

  static CUdeviceptr devicePointer(long address) {
    return new CUdeviceptr().withByteOffset(address);
  }

  /// Makes the context current until what is returned is closed; the thread has its own again then.
  Entered enter() {
    if (closed) {
      throw new IllegalStateException(name() + " is closed");
    }
    check(JCudaDriver.cuCtxPushCurrent(context), "cuCtxPushCurrent");
    return entered;
  }

  /// @throws DeviceException unless `code` is success, with the call, the code's name and, if the context is lost, the launches since the
  ///     last wait
  void check(int code, String call) {
    if (code != Codes.SUCCESS) {
      throw failure(code, call, false);
    }
  }

  /// @param waited whether it may be an earlier launch that failed, as it may where the context is lost
  private DeviceException failure(int code, String call, boolean waited) {
    boolean library = Codes.isOfLibrary(call);
    String query = "cuStreamQuery";
    int drivers = library ? JCudaDriver.cuStreamQuery(stream) : code;
    boolean loses = Codes.losesContext(drivers);
    lost |= loses;
    return new DeviceException(name() + ": " + Codes.text(call, code)
        + (library && loses ? ", as " + Codes.text(query, drivers) : "")
        + (waited || loses ? "; " + launches : "")
        + (loses ? Codes.remedy(query, drivers) : Codes.remedy(call, code)));
  }

  /// Checks a call that made something that is to be given back when this is closed.
  void made(int code, String call, String release, IntSupplier action) {
    check(code, call);
    synchronized (releases) {
      releases.push(new Release(release, action));
    }
  }

  /// The number of the last launch.
  long lastLaunch() {
    return launches.last();
  }

  /// Checks a wait for everything up to a launch.
  void waited(int code, String call, long launch) {
    if (code != Codes.SUCCESS) {
      throw failure(code, call, true);
    }
    launches.waitedFor(launch);
  }

  /// Waits for everything on the stream.
  void synchronize() {
    try (Entered _ = enter()) {
      long launch = launches.last();
      waited(JCudaDriver.cuStreamSynchronize(stream), "cuStreamSynchronize", launch);
    }
  }

  /// Launches what fills a slice at an address.
  void fill(Distribution law, DType dtype, Slice slice, long address, long key) {
    Entry entry = entry(Kernel.of(law), dtype);
    try (Entered _ = enter()) {
      synchronized (numbers) {
        Kernel.put(law, dtype, parameters);
        Rows.forEach(slice, rows -> launch(entry, rows, address + rows.position() * dtype.bytes(), key));
      }
    }
  }

  /// Puts on the stream what makes bytes 0.
  void clear(long address, long bytes) {
    if (bytes == 0) {
      return;
    }
    try (Entered _ = enter()) {
      String call = "cuMemsetD8Async";
      check(JCudaDriver.cuMemsetD8Async(devicePointer(address), (byte) 0, bytes, stream), call);
      launched(call, bytes, 0);
    }
  }

  /// Launches what makes of values at `in`, in the type that `dtype` is computed in and where `rows` number them, elements at `address`. The
  /// context must be current.
  void affine(DType dtype, Rows rows, long address, long in, double range, double low, double high) {
    synchronized (numbers) {
      Kernel.putAffine(range, low, high, parameters);
      launch(entry(Kernel.AFFINE, dtype), rows, address, in);
    }
  }

  /// Launches what makes each of `count` elements at `out` of the one at `in`, by a number: a conversion's scale, a function's slope.
  ///
  /// @param entry the kernel's name, as in `convert_F32_BF16`
  void map(String entry, long in, long out, long count, double number) {
    if (count == 0) {
      return;
    }
    try (Entered _ = enter()) {
      synchronized (numbers) {
        launch(find(entry.toLowerCase(Locale.ROOT)), count, 0, out, in, count, Double.doubleToRawLongBits(number));
      }
    }
  }

  private Entry entry(Kernel kernel, DType dtype) {
    return Optional.ofNullable(kernels.get(kernel)).map(entries -> entries.get(dtype)).orElseThrow();
  }

  /// Notes what a library has put on the stream.
  void launched(String call, long count, long start) {
    launches.add(call, count, start);
  }

  private void launch(Entry entry, Rows rows, long address, long key) {
    launch(entry, rows.count(), rows.start(), address, rows.count(), rows.start(), rows.run(), rows.stride(), key);
  }

  private void launch(Entry entry, long count, long start, long... values) {
    setNumbers(values);
    int blocks = (int) Math.min(mostBlocks, Math.ceilDiv(count, (long) BLOCK * PER_THREAD));
    int code = JCudaDriver.cuLaunchKernel(entry.function, blocks, 1, 1, BLOCK, 1, 1, 0, stream, arguments, null);
    if (code != Codes.SUCCESS) {
      throw failure(code, "cuLaunchKernel of " + entry.name, false);
    }
    launches.add(entry.name, count, start);
  }

  private void setNumbers(long... values) {
    for (int i = 0; i < values.length; i++) {
      numbers.setAtIndex(ValueLayout.JAVA_LONG, i, values[i]);
    }
  }

  /// @throws DeviceMemoryException if there is no room
  Allocation allocate(long bytes) {
    long address = 0;
    Arena life = Arena.ofShared();
    try (Entered _ = enter()) {
      if (bytes > 0) {
        CUdeviceptr pointer = new CUdeviceptr();
        int code = JCudaDriver.cuMemAlloc(pointer, bytes);
        if (code == Codes.OUT_OF_MEMORY) {
          throw new DeviceMemoryException(name(), bytes, free(), failure(code, "cuMemAlloc", false));
        }
        check(code, "cuMemAlloc");
        address = new Address(pointer).value();
      }
      Allocation allocation = new Allocation(life, at(address, life), bytes);
      allocations.put(life, allocation);
      return allocation;
    }
  }

  @SuppressWarnings("restricted") // of size zero
  private static MemorySegment at(long address, Arena life) {
    return MemorySegment.ofAddress(address).reinterpret(0, life, null);
  }

  /// Whether the driver knows memory at an address that this GPU can write: its own, or pinned memory of the host.
  boolean knows(long address) {
    int[] attributes = {CUpointer_attribute.CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CUpointer_attribute.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL};
    int[] values = new int[attributes.length];
    try (Arena answer = Arena.ofConfined(); Entered _ = enter()) {
      MemorySegment value = answer.allocate(ValueLayout.JAVA_LONG);
      for (int i = 0; i < attributes.length; i++) {
        int code = JCudaDriver.cuPointerGetAttribute(pointer(value), attributes[i], devicePointer(address));
        if (code == CUresult.CUDA_ERROR_INVALID_VALUE) {
          return false;
        }
        check(code, "cuPointerGetAttribute");
        values[i] = value.get(ValueLayout.JAVA_INT, 0);
      }
    }
    return values[0] == CUmemorytype.CU_MEMORYTYPE_HOST || values[1] == ordinal;
  }

  private static long free() {
    long[] free = new long[1];
    return JCudaDriver.cuMemGetInfo(free, new long[1]) == Codes.SUCCESS ? free[0] : -1;
  }

  /// Frees memory, once nothing on the stream can use it any more. What cannot be freed now is freed when this is closed.
  void free(Allocation allocation) {
    if (lost || allocation.bytes == 0) {
      forget(allocation); // with the context, its memory is gone
      return;
    }
    try (Entered _ = enter()) {
      synchronize(); // if that fails, what is still to run may use the memory, which stays until the context is closed
      forget(allocation);
      check(JCudaDriver.cuMemFree(devicePointer(allocation.memory.address())), "cuMemFree");
    }
  }

  private void forget(Allocation allocation) {
    allocations.remove(allocation.arena);
    allocation.arena.close();
  }

  /// Gives everything back, in reverse order, whatever fails on the way.
  ///
  /// @throws DeviceException for the first failure, unless the context was known to be lost
  @Override
  public void close() {
    if (closed) {
      return;
    }
    boolean knownLost = lost;
    closed = true;
    Failures failures = new Failures();
    if (failures.attempt("cuCtxPushCurrent", () -> JCudaDriver.cuCtxPushCurrent(context)) != Codes.SUCCESS && !lost) {
      JCudaDriver.cuCtxPushCurrent(context); // again: all the rest depends on it
    }
    failures.attempt("cuStreamSynchronize", () -> JCudaDriver.cuStreamSynchronize(stream));
    for (Allocation allocation : allocations.values()) {
      if (allocation.bytes > 0) {
        failures.attempt("cuMemFree", () -> JCudaDriver.cuMemFree(devicePointer(allocation.memory.address())));
      }
      allocation.arena.close();
    }
    allocations.clear();
    for (Release release : releases) {
      failures.attempt(release.call, release.action);
    }
    failures.attempt("cuCtxPopCurrent", () -> JCudaDriver.cuCtxPopCurrent(new CUcontext()));
    if (primary) {
      failures.attempt("cuDevicePrimaryCtxRelease", () -> JCudaDriver.cuDevicePrimaryCtxRelease(device));
    }
    arena.close();
    if (failures.first != null && !knownLost) {
      throw failures.first;
    }
  }

  /// What goes wrong while everything is given back. No call is made twice: one that fails may have given back all the same.
  private final class Failures {
    @Nullable DeviceException first;

    int attempt(String call, IntSupplier action) {
      int code = action.getAsInt();
      if (code != Codes.SUCCESS && first == null) {
        first = failure(code, call, call.equals("cuStreamSynchronize"));
      }
      return code;
    }
  }

  /// The address that a pointer of JCuda stands for.
  private static final class Address extends Pointer {
    private static final long serialVersionUID = 1;

    Address(Pointer pointer) {
      super(pointer);
    }

    long value() {
      return getNativePointer() + getByteOffset();
    }
  }

  static long address(Pointer pointer) {
    return new Address(pointer).value();
  }
}
