package io.expertlane.bench.scenario;

import java.util.List;

/**
 * A mixture-of-experts model, as far as a step of it takes time.
 *
 * @param name               how it is called
 * @param hidden             channels of a token row
 * @param layers             layers in all
 * @param moeLayers          layers with routed experts; the others have a dense feed-forward part
 * @param experts            routed experts of a layer
 * @param sharedExperts      experts that every token passes
 * @param topK               routed experts a token selects
 * @param expertIntermediate inner width of an expert
 * @param denseIntermediate  inner width of a dense feed-forward part; 0 if every layer has experts
 * @param attention          the attention part of a layer
 */
public record ModelProfile(
    String name, int hidden, int layers, int moeLayers, int experts, int sharedExperts, int topK,
    int expertIntermediate, int denseIntermediate,
    Attention attention) {

    /**
     * The attention part of a layer.
     *
     * @param weights                         parameters of its projections, one FP8 byte each
     * @param cacheBytesPerPosition           key-value cache bytes read for each earlier position
     * @param flopsPerTokenAndPosition        floating-point operations for each token and earlier position, in decode
     * @param prefillFlopsPerTokenAndPosition the same in prefill and forward in training: less with MLA, whose latents
     *                                        are then expanded to heads
     */
    public record Attention(long weights, int cacheBytesPerPosition, long flopsPerTokenAndPosition,
        long prefillFlopsPerTokenAndPosition) {
        /** Checks every field. */
        public Attention {
            requireRange("attention.weights", weights, 1, 1L << 40);
            requireRange("attention.cacheBytesPerPosition", cacheBytesPerPosition, 0, 1 << 24);
            requireRange("attention.flopsPerTokenAndPosition", flopsPerTokenAndPosition, 0, 1L << 40);
            requireRange("attention.prefillFlopsPerTokenAndPosition", prefillFlopsPerTokenAndPosition, 0, 1L << 40);
        }
    }

    private static final List<ModelProfile> PRESETS = List.of(deepSeekV3(), qwen3(), kimiK2(), mixtral(),
        deepSeekV2Lite());

    /** Checks every field. */
    public ModelProfile {
        if (name == null || attention == null) {
            throw new IllegalArgumentException((name == null ? "name" : "attention") + "=null: must be given");
        }
        requireRange("hidden", hidden, 8, 1 << 17);
        requireRange("layers", layers, 1, 10_000);
        requireRange("moeLayers", moeLayers, 1, layers);
        requireRange("experts", experts, 1, 1 << 20);
        requireRange("sharedExperts", sharedExperts, 0, 1024);
        requireRange("topK", topK, 1, 32);
        requireRange("expertIntermediate", expertIntermediate, 1, 1 << 20);
        requireRange("denseIntermediate", denseIntermediate, moeLayers == layers ? 0 : 1, 1 << 20);
    }

    private static void requireRange(final String field, final long value, final long least, final long most) {
        if (value < least || value > most) {
            throw new IllegalArgumentException(field + "=" + value + ": " + least + " to " + most);
        }
    }

    /** Names that {@link #ofName} knows. */
    public static List<String> names() {
        return PRESETS.stream().map(ModelProfile::name).toList();
    }

    /**
     * A preset.
     *
     * @throws IllegalArgumentException if there is none of that name; the message lists the names
     */
    public static ModelProfile ofName(final String name) {
        return PRESETS.stream().filter(preset -> preset.name().equals(name)).findFirst()
            .orElseThrow(() -> new IllegalArgumentException("model=" + name + ": expected one of "
            + String.join(", ", names()) + ", or a JSON file"));
    }

    /**
     * DeepSeek-V3 and R1. Attention is MLA (128 heads, q_lora 1536, kv_lora 512, rope 64, head dimension 128). Source:
     * the model's published configuration.
     */
    private static ModelProfile deepSeekV3() {
        final long weights = 7168L * 1536 + 1536L * 128 * 192 + 7168L * 576 + 512L * 128 * 256 + 128L * 128 * 7168;
        return new ModelProfile("deepseek-v3", 7168, 61, 58, 256, 1, 8, 2048, 18_432, latentAttention(weights, 128));
    }

    /**
     * MLA with head dimension 128, 64 more with positions: the cache holds one BF16 latent of 512 + 64 channels a
     * position. Decode works on latents (absorbed form), prefill and training on heads.
     */
    private static Attention latentAttention(final long weights, final int heads) {
        return new Attention(weights, 576 * 2, 2L * heads * (576 + 512), 2L * heads * (192 + 128));
    }

    /** Grouped queries, head dimension 128: the cache holds a BF16 key and value for each key-value head. */
    private static Attention groupedAttention(final long weights, final int heads, final int keyValueHeads) {
        return new Attention(weights, 2 * keyValueHeads * 128 * 2, 4L * heads * 128, 4L * heads * 128);
    }

    /** The same model with another number of routed experts, such as with replicas. */
    public ModelProfile withExperts(final int others) {
        return new ModelProfile(name, hidden, layers, moeLayers, others, sharedExperts, topK, expertIntermediate,
            denseIntermediate, attention);
    }

    /** The same model with another number of experts a token selects. */
    public ModelProfile withTopK(final int other) {
        return new ModelProfile(name, hidden, layers, moeLayers, experts, sharedExperts, other, expertIntermediate,
            denseIntermediate, attention);
    }

    /**
     * Qwen3-235B-A22B: grouped-query attention, 64 heads on 4 key-value heads of dimension 128. Source: the model's
     * published configuration.
     */
    private static ModelProfile qwen3() {
        final long weights = 2L * 4096 * 64 * 128 + 2L * 4096 * 4 * 128;
        return new ModelProfile("qwen3-235b", 4096, 94, 94, 128, 0, 8, 1536, 0, groupedAttention(weights, 64, 4));
    }

    /**
     * Kimi-K2: DeepSeek-V3's attention with 64 heads, 384 experts, one dense layer. Source: the model's published
     * configuration.
     */
    private static ModelProfile kimiK2() {
        final long weights = 7168L * 1536 + 1536L * 64 * 192 + 7168L * 576 + 512L * 64 * 256 + 64L * 128 * 7168;
        return new ModelProfile("kimi-k2", 7168, 61, 60, 384, 1, 8, 2048, 18_432, latentAttention(weights, 64));
    }

    /**
     * Mixtral 8x7B: grouped-query attention, 32 heads on 8 key-value heads of dimension 128. Source: the model's
     * published configuration.
     */
    private static ModelProfile mixtral() {
        final long weights = 2L * 4096 * 32 * 128 + 2L * 4096 * 8 * 128;
        return new ModelProfile("mixtral-8x7b", 4096, 32, 32, 8, 0, 2, 14_336, 0, groupedAttention(weights, 32, 8));
    }

    /**
     * DeepSeek-V2-Lite, whose gate the recorded routings are of: MLA with 16 heads and no query compression. Source:
     * the model's published configuration.
     */
    private static ModelProfile deepSeekV2Lite() {
        final long weights = 2048L * 16 * 192 + 2048L * 576 + 512L * 16 * 256 + 16L * 128 * 2048;
        return new ModelProfile("deepseek-v2-lite", 2048, 27, 26, 64, 2, 6, 1408, 10_944, latentAttention(weights, 16));
    }
}
