package io.github.tensorseed.cli;

import io.github.tensorseed.Device;
import io.github.tensorseed.checkpoint.Checkpoint;
import io.github.tensorseed.checkpoint.Printable;
import io.github.tensorseed.checkpoint.StoredTensor;
import io.github.tensorseed.checkpoint.Verification;
import io.github.tensorseed.whitening.DataFiles;
import io.github.tensorseed.whitening.FromData;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `tensorseed verify`.
@Command(
    name = "verify",
    description = "Makes all values of a checkpoint again, from what its files say of themselves, and compares the bits.",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    footer = {
      "",
      "Tensors that come through linear algebra, as orthogonal() and zca() give them, have other last bits on other machines: they are",
      "made again and compared within 1e-5 of their largest magnitude, besides a step of the dtype.",
      "",
      "Exit code 1 if a tensor differs: each is named with the first element that does; and if the files are of different runs.",
    })
final class VerifyCommand implements Callable<Integer> {
  @Spec CommandSpec spec = CommandSpec.create();

  @Parameters(paramLabel = "DIR|FILE", description = "A folder or a .safetensors file that tensorseed wrote.")
  Path path = Path.of("");

  @Mixin DeviceOptions device = new DeviceOptions();

  @Option(names = "--data", paramLabel = "[NAME=]FILE",
      description = "Where the data is that initializers such as zca('NAME') look at; without NAME for all of them. May be repeated."
          + " Default: where it was, relative paths from the working folder on.")
  List<String> data = List.of();

  @Option(names = "--json", description = "Reports in JSON.")
  boolean json;

  @Override
  public Integer call() throws IOException {
    Verification verification;
    DataFiles files = DataFiles.of(data);
    try (Checkpoint checkpoint = Checkpoint.open(path);
        Device opened = device.open();
        Progress progress = new Progress("verify", checkpoint.tensors().stream().mapToLong(StoredTensor::bytes).sum())) {
      verification = Verification.of(checkpoint, FromData.definitions(files), opened, device.threads(), progress);
    }
    files.requireAllAsked();
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(Json.text(verification));
    } else {
      verification.conflicts().forEach(conflict -> out.println("files of different runs: " + conflict));
      for (Verification.Fault fault : verification.faults()) {
        out.println(Printable.of(fault.tensor()) + " (" + fault.file() + "): element " + fault.element() + " is " + fault.found()
            + " and should be " + fault.expected() + (fault.allowed() == 0 ? "" : " within " + fault.allowed()) + "; "
            + Units.count(fault.differing(), "element") + " in all");
      }
      out.println(path + ": " + Units.count(verification.tensors(), "tensor") + ", " + Units.bytes(verification.bytes()) + "; "
          + verdict(verification));
    }
    return verification.faults().isEmpty() && verification.conflicts().isEmpty() ? 0 : Main.FAILED_CHECK;
  }

  private static String verdict(Verification verification) {
    if (!verification.faults().isEmpty()) {
      return Units.count(verification.faults().size(), "tensor") + " not as the seed makes them";
    }
    if (!verification.conflicts().isEmpty()) {
      return "the files are not of one run";
    }
    List<Verification.Within> within = verification.within();
    if (within.isEmpty()) {
      return "every bit is as the seed makes it";
    }
    double worst = within.stream().mapToDouble(Verification.Within::deviation).max().orElse(0);
    String near = Units.count(within.size(), "tensor") + " made through linear algebra within 1e-5 (largest deviation "
        + Units.number(worst) + ")";
    return within.size() == verification.tensors() ? near : near + ", every bit of the others is as the seed makes it";
  }
}
