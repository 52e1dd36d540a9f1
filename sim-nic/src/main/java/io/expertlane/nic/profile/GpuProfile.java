package io.expertlane.nic.profile;

/**
 * What a rank's computation costs: the ceilings of a roofline. Its memory bandwidth is that of the {@link HostProfile}.
 *
 * @param bf16Tflops        dense BF16 peak, 1 to 100000 TFLOPS; H20: 148
 * @param fp8Tflops         dense FP8 peak, 1 to 100000 TFLOPS; H20: 296
 * @param computeEfficiency share of a peak that large matrix products reach, 0.01 to 1; 0.85 [GH200: 909 of 1070 BF16
 *                          TFLOPS]
 * @param operationMicros   fixed time of each memory-bound operation, 0 to 1000; 3 [aiconfigurator's correction]
 */
public record GpuProfile(double bf16Tflops, double fp8Tflops, double computeEfficiency, double operationMicros) {
    /** Checks every field. */
    public GpuProfile {
        Range.check("gpu.bf16Tflops", bf16Tflops, 1, 100_000);
        Range.check("gpu.fp8Tflops", fp8Tflops, 1, 100_000);
        Range.check("gpu.computeEfficiency", computeEfficiency, 0.01, 1);
        Range.check("gpu.operationMicros", operationMicros, 0, 1_000);
    }
}
