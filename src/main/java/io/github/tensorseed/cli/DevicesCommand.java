package io.github.tensorseed.cli;

import io.github.tensorseed.checkpoint.Printable;
import io.github.tensorseed.device.Devices;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `tensorseed devices`.
@Command(
    name = "devices",
    description = "Tries this machine's devices, and NVIDIA's libraries on its GPUs. For each that cannot be used: why, and the remedy.",
    mixinStandardHelpOptions = true)
final class DevicesCommand implements Callable<Integer> {
  @Spec CommandSpec spec = CommandSpec.create();

  @Option(names = "--json", description = "Prints JSON.")
  boolean json;

  @Override
  public Integer call() {
    Devices.Report report = Devices.diagnose();
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(Json.text(report));
      return 0;
    }
    Table devices = new Table("device", "usable", "details");
    report.devices().forEach(device -> devices.row(device.device(), yesOrNo(device.usable()), device.details()));
    devices.print(out);
    if (!report.libraries().isEmpty()) {
      out.println();
      Table libraries = new Table("library", "version", "usable", "details");
      report.libraries().forEach(library -> libraries.row(library.library(), library.version() == null ? "-" : library.version(),
          yesOrNo(library.usable()), library.details() + (library.file() == null ? "" : "; " + library.file())));
      libraries.print(out);
    }
    report.notes().forEach(note -> out.println("note: " + Printable.of(note)));
    return 0;
  }

  private static String yesOrNo(boolean usable) {
    return usable ? "yes" : "no";
  }
}
