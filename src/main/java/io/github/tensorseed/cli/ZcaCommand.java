package io.github.tensorseed.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;

/// `tensorseed zca`.
@Command(
    name = "zca",
    description = "Makes data white: learns mean and covariance from rows, and the linear map that turns the covariance into the identity.",
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {ZcaFitCommand.class, ZcaApplyCommand.class, ZcaReportCommand.class, HelpCommand.class},
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "With the covariance C = U diag(l) U^T and f(l) = 1 / sqrt(l + epsilon), white rows are y = W (x - mean), where",
      "  zca  W = U diag(f(l)) U^T, of all such maps the one that changes the data least: images stay images;",
      "  pca  W = diag(f(l)) U^T, the components by falling variance.",
      "",
      "Examples:",
      "  tensorseed zca fit --data train-images-idx3-ubyte.gz --eps 0.1 --out zca.safetensors",
      "  tensorseed zca apply --with zca.safetensors --data t10k-images-idx3-ubyte.gz --out white.npy",
      "  tensorseed zca apply --with zca.safetensors --data white.npy --inverse --out images.npy",
      "  tensorseed zca report --with zca.safetensors --data t10k-images-idx3-ubyte.gz --html zca.html",
    })
final class ZcaCommand {}
