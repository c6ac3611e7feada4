package io.github.tensorseed.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class LaunchesTest {
  @Test
  void listsWhatNobodyWaitedFor() {
    Launches launches = new Launches();
    assertThat(launches).hasToString("no launches since the last wait");
    launches.add("normal_f32", 5, 0);
    long first = launches.last();
    launches.add("signs_f16", 7, 3);
    assertThat(launches).hasToString("launches since the last wait: normal_f32 of 5 elements from 0, signs_f16 of 7 elements from 3");
    launches.waitedFor(first);
    assertThat(launches).hasToString("launches since the last wait: signs_f16 of 7 elements from 3");
    for (int i = 0; i < 20; i++) {
      launches.add("constant_f64", 1, i);
    }
    assertThat(launches.toString()).startsWith("launches since the last wait: 13 and then constant_f64 of 1 elements from 12, ")
        .endsWith("from 19");
    launches.waitedFor(launches.last());
    assertThat(launches).hasToString("no launches since the last wait");
  }
}
