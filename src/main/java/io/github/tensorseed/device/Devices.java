package io.github.tensorseed.device;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.DeviceException;
import io.github.tensorseed.DeviceUnavailableException;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Generator;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import io.github.tensorseed.cpu.CpuDevice;
import io.github.tensorseed.cuda.CudaDevice;
import io.github.tensorseed.cuda.Gpu;
import io.github.tensorseed.cuda.JCudaLibrary;
import io.github.tensorseed.cuda.Library;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// The devices of this machine.
public final class Devices {
  private static final String REMEDY = "known: auto, cpu, cuda:N, and several as in cuda:0,cuda:1";

  private Devices() {}

  /// What could be found out about one device, by trying it.
  ///
  /// @param details what it is or, if it cannot be used, why, and the remedy
  /// @param gpu what its driver says of it, if there is one
  public record Diagnosis(String device, boolean usable, String details, @Nullable Gpu gpu) {
    /// Whether it is a GPU that its driver only plays.
    public boolean emulated() {
      return gpu != null && gpu.emulated();
    }
  }

  /// What could be found out about one of NVIDIA's libraries, by trying it on every GPU that can be used.
  ///
  /// @param usable whether it computes on all of them
  /// @param details what it computed or, if it does not, why, and the remedy
  /// @param file what was loaded, if it was
  /// @param version as in `11.11.3`
  public record LibraryDiagnosis(
      String library, boolean usable, String details, @Nullable String file, @Nullable String version, List<Computation> devices) {}

  /// What one of NVIDIA's libraries did on one device.
  public record Computation(String device, boolean usable, String details) {}

  /// What could be found out about this machine.
  ///
  /// @param libraries empty where no GPU can be used
  /// @param notes what was come upon and not used
  public record Report(List<Diagnosis> devices, List<LibraryDiagnosis> libraries, List<String> notes) {}

  /// A device that was chosen here, and why.
  ///
  /// @param reason as in `cpu (2 threads, ...); ...`
  public record Choice(Device device, String reason) {}

  /// Tries every device of this machine, without NVIDIA's libraries.
  public static List<Diagnosis> list() {
    return diagnose(List.of(), new EnumMap<>(Library.class));
  }

  /// Tries every device of this machine, and NVIDIA's libraries on each GPU. Without them a GPU can be used as well.
  public static Report diagnose() {
    Map<Library, List<Computation>> computations = new EnumMap<>(Library.class);
    List<Diagnosis> devices = diagnose(List.of(Library.values()), computations);
    List<LibraryDiagnosis> libraries = new ArrayList<>();
    computations.forEach((library, tried) -> libraries.add(diagnose(library, tried)));
    List<String> notes = JCudaLibrary.unused().stream()
        .map(file -> file + " was not loaded: JCuda by itself would do so, whoever put it there; the one in its jar was")
        .toList();
    return new Report(devices, libraries, computations.isEmpty() ? List.of() : notes);
  }

  /// @param computations takes what the libraries did
  private static List<Diagnosis> diagnose(List<Library> libraries, Map<Library, List<Computation>> computations) {
    List<Diagnosis> devices = new ArrayList<>();
    devices.add(new Diagnosis("cpu", true, Runtime.getRuntime().availableProcessors() + " cores, " + CpuDevice.engine(), null));
    try {
      for (Gpu gpu : Gpu.all()) {
        devices.add(diagnose(gpu, libraries, computations));
      }
    } catch (DeviceUnavailableException e) {
      devices.add(new Diagnosis("cuda", false, String.valueOf(e.getMessage()), null));
    }
    return devices;
  }

  private static Diagnosis diagnose(Gpu gpu, List<Library> libraries, Map<Library, List<Computation>> computations) {
    String what = String.format(Locale.ROOT, "%s, %.1f GB, compute capability %s, driver for CUDA %s",
        gpu.name(), gpu.memory() * 1e-9, gpu.computeCapability(), gpu.driver());
    try (CudaDevice device = CudaDevice.open(gpu.ordinal()); Device cpu = CpuDevice.open(1)) {
      for (DType dtype : new DType[] {DType.F32, DType.BF16, DType.F64}) {
        if (values(device, dtype).mismatch(values(cpu, dtype)) >= 0) {
          return new Diagnosis(gpu.device(), false, what + "; its values of " + dtype + " are not those of the cpu, so the GPU or its driver"
              + " does not compute as it should; take the device cpu, and please report it", gpu);
        }
      }
      for (Library library : libraries) {
        computations.computeIfAbsent(library, _ -> new ArrayList<>()).add(compute(library, device));
      }
      return new Diagnosis(gpu.device(), true, what + "; a fill has the bits of the cpu", gpu);
    } catch (DeviceException e) {
      return new Diagnosis(gpu.device(), false, what + "; " + e.getMessage(), gpu);
    }
  }

  private static Computation compute(Library library, CudaDevice device) {
    try {
      return new Computation(device.name(), true, library.compute(device));
    } catch (DeviceException e) {
      return new Computation(device.name(), false, String.valueOf(e.getMessage()));
    }
  }

  private static LibraryDiagnosis diagnose(Library library, List<Computation> tried) {
    List<Computation> failed = tried.stream().filter(computation -> !computation.usable()).toList();
    try {
      String details = failed.isEmpty()
          ? tried.getFirst().details()
          : failed.stream().map(computation -> computation.device() + ": " + computation.details()).collect(Collectors.joining("; "));
      Library.Found found = library.found();
      return new LibraryDiagnosis(library.toString(), failed.isEmpty(), details, found.file(), found.version(), tried);
    } catch (DeviceUnavailableException e) {
      return new LibraryDiagnosis(library.toString(), false, String.valueOf(e.getMessage()), null, null, tried);
    }
  }

  /// A few values of a law that takes every kind of arithmetic.
  private static MemorySegment values(Device device, DType dtype) {
    MemorySegment values = Arena.ofAuto().allocate(1001L * dtype.bytes());
    device.fill(values, dtype, Slice.of(Shape.of(1001)), new Distribution.LogNormal(0, 1), RandomStream.of(42));
    return values;
  }

  /// Opens the first GPU that can be used, else the host, and says which and why. A generator of cuRAND's needs a GPU.
  ///
  /// @param threads of the host, if it comes to that
  /// @throws DeviceUnavailableException if there is no GPU for the generator, with the reason
  public static Choice choose(int threads, Generator generator) {
    String refused;
    try {
      List<String> reasons = new ArrayList<>();
      for (Gpu gpu : Gpu.all()) {
        try {
          return new Choice(
              CudaDevice.open(gpu.ordinal(), generator), gpu.device() + " (" + gpu.name() + ", driver for CUDA " + gpu.driver() + ")");
        } catch (DeviceUnavailableException e) {
          reasons.add(gpu.device() + ": " + e.getMessage());
        }
      }
      refused = String.join("; ", reasons);
    } catch (DeviceUnavailableException e) {
      refused = "no cuda: " + e.getMessage();
    }
    if (generator != Generator.TENSORSEED) {
      throw new DeviceUnavailableException("the generator " + generator + " needs a GPU; " + refused);
    }
    return new Choice(CpuDevice.open(threads),
        "cpu (" + threads + (threads == 1 ? " thread, " : " threads, ") + CpuDevice.engine() + "); " + refused);
  }

  /// Opens a device by its name.
  ///
  /// @param name `cpu`, `cuda:N`, several of these as in `cuda:0,cuda:1`, or `auto` for the best device that can be used
  /// @throws DeviceUnavailableException if it cannot be used here, with the reason
  /// @throws IllegalArgumentException for a name that means no device
  public static Device open(String name) {
    return open(name, Runtime.getRuntime().availableProcessors());
  }

  /// Opens a device by its name; on the host that many threads fill.
  public static Device open(String name, int threads) {
    return open(name, threads, Generator.TENSORSEED);
  }

  /// Opens a device by its name, with a generator.
  ///
  /// @throws DeviceUnavailableException if it cannot be used here, with the reason
  /// @throws IllegalArgumentException for a name that means no device, or one that has not this generator
  public static Device open(String name, int threads, Generator generator) {
    if (name.equals("auto")) {
      return choose(threads, generator).device();
    }
    if (name.equals("cpu")) {
      if (generator != Generator.TENSORSEED) {
        throw new IllegalArgumentException("the device cpu has no generator " + generator + ", which is a GPU's; take cuda:0, or the generator "
            + Generator.TENSORSEED);
      }
      return CpuDevice.open(threads);
    }
    Set<Integer> ordinals = new LinkedHashSet<>();
    for (String one : name.split(",", -1)) {
      if (!one.matches("cuda:\\d{1,6}")) {
        throw new IllegalArgumentException("unknown device '" + name + "'; " + REMEDY);
      }
      if (!ordinals.add(Integer.parseInt(one.substring("cuda:".length())))) {
        throw new IllegalArgumentException("device '" + name + "' has " + one + " twice; name each GPU once");
      }
    }
    List<Device> devices = new ArrayList<>();
    try {
      for (int ordinal : ordinals) {
        devices.add(openGpu(ordinal, generator));
      }
    } catch (DeviceUnavailableException e) {
      devices.forEach(Device::close);
      throw e;
    }
    return devices.size() == 1 ? devices.getFirst() : new DeviceGroup(devices);
  }

  private static Device openGpu(int ordinal, Generator generator) {
    try {
      return CudaDevice.open(ordinal, generator);
    } catch (DeviceUnavailableException e) {
      throw new DeviceUnavailableException("device cuda:" + ordinal + ": " + e.getMessage(), e);
    }
  }
}
