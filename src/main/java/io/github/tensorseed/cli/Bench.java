package io.github.tensorseed.cli;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.DeviceException;
import io.github.tensorseed.DeviceMemoryException;
import io.github.tensorseed.DeviceUnavailableException;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Generator;
import io.github.tensorseed.cpu.CpuDevice;
import io.github.tensorseed.device.Devices;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// A run of `bench`: which devices of this machine make how many values in a second.
final class Bench implements AutoCloseable {
  /// Elements of a row, where there is room and time for so many.
  private static final long ELEMENTS = 64L << 20;

  /// Of the free memory so much is taken unasked.
  private static final int PART_OF_MEMORY = 2;

  /// Of a law and dtype's time, what the CPU's compiler may have.
  private static final double WARM_UP = 0.4;

  /// Where, and as what, the numbers are.
  ///
  /// @param cpu its model
  /// @param kernels that it runs
  /// @param heap bytes of Java's, in which tensors are not
  record Machine(String cpu, int cores, String kernels, String java, long heap) {
    static Machine here() {
      Runtime runtime = Runtime.getRuntime();
      return new Machine(find(Path.of("/proc/cpuinfo"), "model name\\s*:\\s*(.+)", System.getProperty("os.arch")),
          runtime.availableProcessors(), CpuDevice.engine(), Runtime.version() + " (" + System.getProperty("java.vendor") + ")",
          runtime.maxMemory());
    }

    /// As in `AMD EPYC, 2 cores; vector kernels, 512 bits; Java 25.0.3+9 (...), heap of 268 MB`.
    @Override
    public String toString() {
      return cpu + ", " + Units.count(cores, "core") + "; " + kernels + "; Java " + java + ", heap of " + Units.bytes(heap);
    }
  }

  /// One device, one law, one dtype.
  ///
  /// @param threads of the CPU; null of a GPU
  /// @param zerosPerSecond bytes of zeros to the same memory
  /// @param share of that rate
  /// @param samples of which these are medians
  record Row(String law, String dtype, String device, @Nullable Integer threads, String generator, long elements, int samples,
      double elementsPerSecond, double bytesPerSecond, double zerosPerSecond, double share) {

    /// As in `cpu, 2 threads`, `cuda:0` or `cuda:0, curand`.
    String what() {
      return threads != null ? device + ", " + Units.count(threads, "thread")
          : device + (generator.equals(Generator.TENSORSEED.toString()) ? "" : ", " + generator);
    }

    /// What the share is one of: a GPU's memset is as fast as its memory.
    String whole() {
      return threads == null ? "memory rate" : "a fill";
    }
  }

  /// All that was found out.
  ///
  /// @param devices that could be used or not, and why
  record Report(Machine machine, List<Devices.Diagnosis> devices, List<Row> rows, List<String> notes) {}

  /// A device that takes part.
  ///
  /// @param threads of the CPU; null of a GPU
  private record Contestant(Device device, @Nullable Integer threads) {
    /// Whether the law's values are its own: for what cuRAND lacks, our kernels would be measured twice.
    boolean makes(Distribution law) {
      return device.generator() == Generator.TENSORSEED || switch (law) {
        case Distribution.Uniform _, Distribution.Normal _, Distribution.LogNormal _ -> true;
        case Distribution.TruncatedNormal _, Distribution.Signs _, Distribution.Constant _ -> false;
      };
    }

    String name() {
      return device.name() + (device.generator() == Generator.TENSORSEED ? "" : " with " + device.generator());
    }
  }

  private final Map<String, Distribution> laws;
  private final List<DType> dtypes;
  private final OptionalLong elements;
  private final List<Devices.Diagnosis> devices = Devices.list();
  private final List<Contestant> contestants = new ArrayList<>();
  private final List<Row> rows = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();

  /// Opens all devices that can be used.
  ///
  /// @param elements of a row; else what there is room and time for
  Bench(Map<String, Distribution> laws, List<DType> dtypes, OptionalLong elements) {
    this.laws = laws;
    this.dtypes = dtypes;
    this.elements = elements;
    note("other work on this machine changes the numbers, on shared cores by half and more: run it again before you believe a difference");
    String load = find(Path.of("/proc/loadavg"), "(\\d{1,6}\\.\\d\\d) .*", "0");
    if (Double.parseDouble(load) >= 0.5) {
      note("these numbers may be too low: there was a load of " + load + " in the minute before");
    }
    Stream.of(1, Runtime.getRuntime().availableProcessors()).distinct()
        .forEach(threads -> contestants.add(new Contestant(CpuDevice.open(threads), threads)));
    devices.stream().filter(device -> device.usable() && device.device().startsWith("cuda")).forEach(this::open);
  }

  private void open(Devices.Diagnosis gpu) {
    if (gpu.emulated()) {
      note(gpu.device() + " is an emulated driver and no GPU: how fast it is says nothing");
    }
    for (Generator generator : List.of(Generator.TENSORSEED, Generator.CURAND)) {
      try {
        contestants.add(new Contestant(Devices.open(gpu.device(), 1, generator), null));
      } catch (DeviceUnavailableException e) {
        note("without " + gpu.device() + (generator == Generator.CURAND ? " by " + generator : "") + ": " + e.getMessage());
      }
    }
  }

  private void note(String text) {
    if (!notes.contains(text)) {
      notes.add(text);
    }
  }

  /// Bytes of memory that can be had, as Linux says: of the machine, and of the container.
  static long room() {
    long free = Long.parseLong(
        find(Path.of("/proc/meminfo"), "MemAvailable:\\s*(\\d{1,15}) kB", String.valueOf(Long.MAX_VALUE >> 10))) << 10;
    return Math.min(free, Long.parseLong(find(Path.of("/sys/fs/cgroup/memory.max"), "(\\d{1,18})", String.valueOf(Long.MAX_VALUE))));
  }

  /// What a line of a file of Linux says; elsewhere something else.
  private static String find(Path file, String pattern, String otherwise) {
    Pattern line = Pattern.compile(pattern);
    try (Stream<String> lines = Files.lines(file)) {
      return lines.map(line::matcher).filter(Matcher::matches).map(matcher -> matcher.group(1).strip()).findFirst().orElse(otherwise);
    } catch (IOException | UncheckedIOException e) {
      return otherwise;
    }
  }

  /// How many rows there will be.
  long size() {
    return dtypes.size() * laws.values().stream().mapToLong(law -> contestants.stream().filter(one -> one.makes(law)).count()).sum();
  }

  /// Measures all rows. Each has its part of the time that is left, so that what one takes too long the others have less.
  Report run(double seconds, Progress progress) {
    long end = System.nanoTime() + (long) (seconds * 1e9);
    int left = laws.size() * dtypes.size();
    for (Map.Entry<String, Distribution> law : laws.entrySet()) {
      for (DType dtype : dtypes) {
        progress.note(law.getKey() + " " + dtype);
        long now = System.nanoTime();
        measure(law.getKey(), law.getValue(), dtype, now + (end - now) / left--, progress);
      }
    }
    return new Report(Machine.here(), devices, List.copyOf(rows), List.copyOf(notes));
  }

  private void measure(String name, Distribution law, DType dtype, long end, Progress progress) {
    long most = elements.orElse(Math.min(ELEMENTS, Math.max(1, room() / PART_OF_MEMORY / dtype.bytes())));
    if (elements.isEmpty() && most < ELEMENTS) {
      note(Units.count(most) + " elements of " + dtype + ", not " + Units.count(ELEMENTS) + ": half of the memory that is free");
    }
    // That of all threads; one thread then runs the same code.
    Device cpu = contestants.stream().filter(one -> one.threads != null).toList().getLast().device;
    if (!FillSpeed.warmUp(cpu, law, dtype, (long) (WARM_UP * (end - System.nanoTime())))) {
      note(name + " " + dtype + " on the cpu: the vector kernels were not compiled when its rows began; give more --seconds");
    }
    List<Contestant> these = contestants.stream().filter(one -> one.makes(law)).toList();
    int left = these.size();
    for (Contestant one : these) {
      try {
        FillSpeed speed = speed(one, law, dtype, most, (end - System.nanoTime()) / left--);
        if (elements.isEmpty() && speed.elements() < most) {
          note(one.name() + ": fewer than " + Units.count(most) + " elements where it has no room or time for more");
        }
        double perSecond = speed.elements() / speed.seconds();
        rows.add(new Row(name, dtype.name(), one.device.name(), one.threads, one.device.generator().toString(), speed.elements(),
            speed.samples(), perSecond, perSecond * dtype.bytes(), speed.elements() * dtype.bytes() / speed.zerosSeconds(),
            speed.zerosSeconds() / speed.seconds()));
      } catch (DeviceMemoryException e) {
        note("no " + name + " " + dtype + ": " + e.getMessage());
      } catch (DeviceException e) {
        if (one.threads != null) {
          throw e;
        }
        note("no more of " + one.name() + ": " + e.getMessage());
        contestants.remove(one);
        close(one);
      }
      progress.accept(1);
    }
  }

  /// Of as many elements as there is room for, unless somebody said how many.
  private FillSpeed speed(Contestant one, Distribution law, DType dtype, long most, long nanos) {
    for (long count = most; ; count /= 2) {
      try {
        return FillSpeed.of(one.device, law, dtype, count, elements.isEmpty(), nanos);
      } catch (DeviceMemoryException e) {
        if (elements.isPresent() || count < 2) {
          throw e;
        }
      }
    }
  }

  private void close(Contestant one) {
    try {
      one.device.close();
    } catch (DeviceException e) {
      note(one.name() + ": " + e.getMessage());
    }
  }

  @Override
  public void close() {
    contestants.forEach(this::close);
  }
}
