package io.expertlane.bench.scenario;

import io.expertlane.bench.scenario.ComputeCost.Cost;
import io.expertlane.bench.scenario.StepAccount.Part;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ObjIntConsumer;

/**
 * A step through all layers of a model as a schedule: computation is serial on the GPU, communication serial on the
 * network, layers of one batch follow each other. Time that the GPU works goes to the part of the account it works for;
 * time it idles, to what it waits for. Layers with experts may be of several kinds, which follow each other in turn.
 * Training goes through all layers again, backwards: the way back of a combine is a dispatch and that of a dispatch is
 * a combine. Simulated.
 *
 * <p>A batch in a layer with experts: attention; dispatch (kernel, work of its SMs, network); shared expert; routed
 * experts; combine.
 * <ul>
 * <li>{@link Kind#UNFUSED}: one batch, one kernel after the other: nothing covers anything.
 * <li>{@link Kind#TWO_BATCH}: the batch in two halves. Dispatch and combine release the SMs when all is sent and take
 * what has come later (the receive hook of the low-latency kernels), so that one half's network time can be covered by
 * the other half's computation, its shared expert and attention included. Source: DeepEP's hook, DeepSeek's profile
 * data.
 * <li>{@link Kind#FUSED}: dispatch, experts and combine are one kernel, started once, whose values between the
 * projections stay on the chip. A local expert begins when its rows have come and its outputs leave when it is done.
 * Rows are taken to come evenly, expert after expert, between the time that an exchange of one token takes and the time
 * dispatch takes; outputs likewise. Computation keeps its rate. Source: the fused operator of the source paper's
 * question sheet.
 * </ul>
 */
public final class ModelStep {
    /** How kernels are put together. */
    public enum Kind { UNFUSED, TWO_BATCH, FUSED }

    /**
     * A step.
     *
     * @param kind               how kernels are put together
     * @param micros             when the schedule ends
     * @param account            what that goes to
     * @param saved              the unfused step's account less this one
     * @param backward           the part of the account that is training's way back; null where there is none
     * @param communicationShare share of the time that is communication which nothing covers
     */
    public record Step(Kind kind, double micros, StepAccount account, StepAccount saved, StepAccount backward,
        double communicationShare) {
        private static Step of(final Kind kind, final double micros, final StepAccount account,
            final StepAccount unfused,
                               final StepAccount backward) {
            return new Step(kind, micros, account, unfused.minus(account), backward, account.communicationShare());
        }
    }

    /**
     * One collective call on its slowest rank, in microseconds.
     *
     * @param startMicros fixed time of its kernel
     * @param sendMicros  time that its SMs work before everything is sent
     * @param waitMicros  time until everything has come
     * @param takeMicros  time that its SMs work on what has come
     */
    public record Call(double startMicros, double sendMicros, double waitMicros, double takeMicros) {
        double micros() {
            return startMicros + sendMicros + waitMicros + takeMicros;
        }
    }

    /**
     * One layer of one batch, on its way forward or back.
     *
     * @param attention    of its tokens
     * @param sharedExpert of its tokens
     * @param dense        of its tokens, for layers without experts
     * @param experts      routed experts on the slowest rank
     * @param dispatch     of its tokens
     * @param combine      of its tokens
     */
    public record Layer(Cost attention, Cost sharedExpert, Cost dense, Cost experts, Call dispatch, Call combine) {
    }

    private record Task(Part part, double micros, boolean network) {
    }

    private final ModelProfile model;
    private final double[] micros = new double[Part.values().length];

    private ModelStep(final ModelProfile model) {
        this.model = model;
    }

    /**
     * One batch, one kernel after the other.
     *
     * @param forward  layers with experts of each kind
     * @param backward their ways back; empty if the step has none
     */
    static Step unfused(final ModelProfile model, final List<Layer> forward, final List<Layer> backward) {
        final ModelStep step = new ModelStep(model);
        final double end = step.run(List.of(step.tasks(forward)));
        final StepAccount account = StepAccount.of(step.micros);
        if (backward.isEmpty()) {
            return Step.of(Kind.UNFUSED, end, account, account, null);
        }
        final ModelStep wayBack = new ModelStep(model);
        final double duration = wayBack.run(List.of(wayBack.tasks(backward)));
        final StepAccount back = StepAccount.of(wayBack.micros);
        final StepAccount both = account.plus(back);
        return Step.of(Kind.UNFUSED, end + duration, both, both, back);
    }

    /** Two batches of half the tokens each. */
    static Step twoBatch(final ModelProfile model, final List<Layer> halves, final Step unfused) {
        final ModelStep step = new ModelStep(model);
        final double end = step.run(List.of(step.tasks(halves), step.tasks(halves)));
        return Step.of(Kind.TWO_BATCH, end, StepAccount.of(step.micros), unfused.account(), null);
    }

    /**
     * One kernel for dispatch, experts and combine.
     *
     * @param oneToken     exchanges of one token a rank, in the same order: the part of a call that is latency, not
     *                     bytes
     * @param localExperts experts of a rank, which follow each other
     */
    static Step fused(final ModelProfile model, final List<Layer> layers, final List<Layer> oneToken,
        final int localExperts, final Step unfused) {
        final ModelStep step = new ModelStep(model);
        final double end = step.run(List.of(step.tasks(layers, (tasks, kind) -> {
            compute(tasks, Part.SHARED_EXPERT, layers.get(kind).sharedExpert());
            fused(tasks, layers.get(kind), oneToken.get(kind), localExperts);
        })));
        return Step.of(Kind.FUSED, end, StepAccount.of(step.micros), unfused.account(), null);
    }

    private static void fused(final List<Task> tasks, final Layer layer, final Layer oneToken, final int localExperts) {
        final double dispatch = layer.dispatch().micros() - layer.dispatch().startMicros();
        final double combine = layer.combine().micros() - layer.combine().startMicros();
        final double dispatchLatency = Math.min(dispatch, oneToken.dispatch().micros()
            - oneToken.dispatch().startMicros());
        final double combineLatency = Math.min(combine, oneToken.combine().micros() - oneToken.combine().startMicros());
        final double expertMicros = layer.experts().work() / localExperts;
        tasks.add(new Task(Part.BARRIERS, layer.dispatch().startMicros(), false));
        double done = 0;
        double sent = 0;
        double waited = 0;
        for (int expert = 1; expert <= localExperts; expert++) {
            final double arrival = dispatchLatency + (dispatch - dispatchLatency) * expert / localExperts;
            waited += Math.max(0, arrival - done);
            done = Math.max(done, arrival) + expertMicros;
            sent = Math.max(sent, done) + (combine - combineLatency) / localExperts;
        }
        tasks.add(new Task(Part.EXPOSED_DISPATCH, waited, false));
        tasks.add(new Task(Part.EXPERT_COMPUTE, layer.experts().work(), false));
        tasks.add(new Task(Part.EXPOSED_COMBINE, sent + combineLatency - done, false));
    }

    private List<Task> tasks(final List<Layer> layers) {
        return tasks(layers, (tasks, kind) -> {
            compute(tasks, Part.SHARED_EXPERT, layers.get(kind).sharedExpert());
            call(tasks, Part.EXPOSED_DISPATCH, layers.get(kind).dispatch());
            compute(tasks, Part.EXPERT_COMPUTE, layers.get(kind).experts());
            call(tasks, Part.EXPOSED_COMBINE, layers.get(kind).combine());
        });
    }

    /** {@code experts} adds what a layer with experts of a kind does after attention. */
    private List<Task> tasks(final List<Layer> layers, final ObjIntConsumer<List<Task>> experts) {
        final List<Task> tasks = new ArrayList<>();
        final int denseLayers = model.layers() - model.moeLayers();
        for (int i = 0; i < model.layers(); i++) {
            compute(tasks, Part.ATTENTION, layers.getFirst().attention());
            if (i < denseLayers) {
                compute(tasks, Part.DENSE, layers.getFirst().dense());
            } else {
                experts.accept(tasks, (i - denseLayers) % layers.size());
            }
        }
        return tasks;
    }

    private static void compute(final List<Task> tasks, final Part part, final Cost cost) {
        tasks.add(new Task(Part.LAUNCHES, cost.launches(), false));
        tasks.add(new Task(Part.HBM_ROUND_TRIPS, cost.hbmRoundTrips(), false));
        tasks.add(new Task(part, cost.work(), false));
    }

    private static void call(final List<Task> tasks, final Part part, final Call call) {
        tasks.add(new Task(Part.BARRIERS, call.startMicros(), false));
        tasks.add(new Task(part, call.sendMicros(), false));
        tasks.add(new Task(part, call.waitMicros(), true));
        tasks.add(new Task(part, call.takeMicros(), false));
    }

    /**
     * Runs the batches' tasks, whichever can begin first; a batch keeps the GPU until it has something for the network.
     * Gives the end.
     */
    private double run(final List<List<Task>> batches) {
        final int[] next = new int[batches.size()];
        final double[] ready = new double[batches.size()];
        double gpuFree = 0;
        double networkFree = 0;
        double end = 0;
        int batch = next(batches, next, ready, gpuFree, networkFree, 0);
        while (batch >= 0) {
            final Task task = batches.get(batch).get(next[batch]++);
            if (task.network()) {
                networkFree = Math.max(networkFree, ready[batch]) + task.micros();
                ready[batch] = networkFree;
            } else {
                final double start = Math.max(gpuFree, ready[batch]);
                if (start > gpuFree) {
                    micros[batches.get(batch).get(next[batch] - 2).part().ordinal()] += start - gpuFree;
                }
                micros[task.part().ordinal()] += task.micros();
                gpuFree = start + task.micros();
                ready[batch] = gpuFree;
            }
            end = Math.max(end, ready[batch]);
            batch = next(batches, next, ready, gpuFree, networkFree, batch);
        }
        return end;
    }

    private static int next(final List<List<Task>> batches, final int[] next, final double[] ready,
        final double gpuFree, final double networkFree,
                            final int current) {
        int best = -1;
        double bestStart = 0;
        for (int batch = 0; batch < batches.size(); batch++) {
            if (next[batch] < batches.get(batch).size()) {
                final double start = Math.max(ready[batch],
                    batches.get(batch).get(next[batch]).network() ? networkFree : gpuFree);
                if (best < 0 || start < bestStart || start == bestStart && batch == current) {
                    best = batch;
                    bestStart = start;
                }
            }
        }
        return best;
    }
}
