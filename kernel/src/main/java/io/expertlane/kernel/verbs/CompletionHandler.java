package io.expertlane.kernel.verbs;

/** Gets each entry taken from a {@link CompletionQueue}, on the thread that polls. */
@FunctionalInterface
public interface CompletionHandler {
    /**
     * The element {@code index} of queue pair {@code qpNumber}, and all before it there, are done.
     *
     * @param status {@link CompletionQueue#SUCCESS}, or why the element failed
     */
    void completed(int qpNumber, int index, int status);
}
