package io.promptgrad.search;

import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/**
 * Runs a {@link Search} step by step until its budget is spent, a stop rule is met, it has finished
 * or it is cancelled.
 *
 * <p>With a directory, each step appends a line to {@code trace.jsonl} and replaces {@code
 * checkpoint/}; both are on the disk before the next step begins. {@link #run} goes on from the
 * checkpoint that it finds there and reaches the result that an uninterrupted run would have had
 * (limits on time excepted). A step that throws leaves the last checkpoint as it was.
 *
 * <pre>{@code
 * LoopResult result =
 *     SearchLoop.of(search)
 *         .budget(Budget.ofSteps(100))
 *         .stopWhen(new StopRule.Patience(20))
 *         .in(runDirectory.path(), identity)
 *         .run();
 * }</pre>
 */
public final class SearchLoop {

  private final Search search;
  private Budget budget = Budget.UNLIMITED;
  private final List<StopRule> rules = new ArrayList<>();
  private Optional<Path> directory = Optional.empty();
  private String identity = "";
  private final List<ProgressListener> listeners = new ArrayList<>();
  private Cost costBefore = Cost.ZERO;
  private double secondsBefore;
  private BooleanSupplier cancelled = () -> false;
  private LongSupplier nanoTime = System::nanoTime;

  private SearchLoop(Search search) {
    this.search = Objects.requireNonNull(search, "search");
  }

  /** Returns a loop without limits and without files. */
  public static SearchLoop of(Search search) {
    return new SearchLoop(search);
  }

  /** Sets the budget. */
  public SearchLoop budget(Budget limits) {
    budget = Objects.requireNonNull(limits, "budget");
    return this;
  }

  /** Adds a stop rule. */
  public SearchLoop stopWhen(StopRule rule) {
    rules.add(Objects.requireNonNull(rule, "rule"));
    return this;
  }

  /**
   * Keeps trace and checkpoint in this directory and resumes from it.
   *
   * @param identity names everything that the steps depend on (a hash of the configuration without
   *     the budget, say); a checkpoint of another identity is refused
   */
  public SearchLoop in(Path runDirectory, String identity) {
    this.directory = Optional.of(runDirectory);
    this.identity = Objects.requireNonNull(identity, "identity");
    return this;
  }

  /**
   * Counts what was used before the first step, to prepare the search, as if steps had used it: it
   * is part of the result's cost and time, and the budget has that much less left.
   */
  public SearchLoop startAt(Cost usedCost, double usedSeconds) {
    costBefore = Objects.requireNonNull(usedCost, "usedCost");
    secondsBefore = usedSeconds;
    return this;
  }

  /** Adds a listener. */
  public SearchLoop listener(ProgressListener listener) {
    listeners.add(Objects.requireNonNull(listener, "listener"));
    return this;
  }

  /** Stops after the step under way once this says true; it is asked from the loop's thread. */
  public SearchLoop cancelWhen(BooleanSupplier flag) {
    cancelled = Objects.requireNonNull(flag, "flag");
    return this;
  }

  SearchLoop clock(LongSupplier nanoseconds) {
    nanoTime = nanoseconds;
    return this;
  }

  /**
   * Runs or resumes the search.
   *
   * @throws InvalidInputException if the checkpoint or the trace cannot be used, or the directory
   *     cannot be written
   */
  public LoopResult run() {
    LoopState state = new LoopState(rules);
    state.cost = costBefore;
    state.seconds = secondsBefore;
    if (directory.isEmpty()) {
      return loop(state, null);
    }
    Path folder = directory.get();
    try {
      Files.createDirectories(folder);
      Optional<Checkpoint> checkpoint = Checkpoint.read(folder, search.method(), identity);
      if (checkpoint.isPresent()) {
        state.restore(checkpoint.get().loop());
        search.restore(checkpoint.get().search());
      }
      try (TraceWriter trace = TraceWriter.open(folder.resolve("trace.jsonl"), state.step)) {
        return loop(state, trace);
      }
    } catch (IOException e) {
      throw new InvalidInputException(
          "The run directory %s cannot be written: %s; check space and permissions, then resume."
              .formatted(folder, e),
          e);
    }
  }

  private LoopResult loop(LoopState state, TraceWriter trace) {
    listeners.forEach(listener -> listener.onStart(state.step, search.best()));
    Optional<String> stop = state.stop(search, budget, rules);
    while (stop.isEmpty()) {
      if (cancelled.getAsBoolean()) {
        stop = Optional.of("cancelled");
        break;
      }
      long begin = nanoTime.getAsLong();
      StepReport report;
      try {
        report = search.step(state.step + 1);
      } catch (BudgetSpentException e) {
        state.cost = state.cost.plus(e.cost());
        state.seconds += (nanoTime.getAsLong() - begin) / 1e9;
        stop = Optional.of("budget");
        break;
      }
      long end = nanoTime.getAsLong();
      state.add(report, (end - begin) / 1e9);
      if (trace != null) {
        append(trace, state, report);
        checkpoint(trace, state);
      }
      ProgressListener.Progress progress =
          new ProgressListener.Progress(
              state.step, budget, report, search.best(), state.cost, state.seconds);
      listeners.forEach(listener -> listener.onStep(progress));
      stop = state.stop(search, budget, rules);
    }
    LoopResult result =
        new LoopResult(search.best(), stop.get(), state.cost, state.step, state.seconds);
    listeners.forEach(listener -> listener.onStop(result));
    return result;
  }

  private void append(TraceWriter trace, LoopState state, StepReport report) {
    Best best = search.best();
    try {
      trace.append(
          new TraceStep(state.step, state.seconds, report, best.dev(), best.step(), state.cost));
    } catch (IOException e) {
      throw unwritable("trace", state, e);
    }
  }

  private void checkpoint(TraceWriter trace, LoopState state) {
    try {
      trace.flush();
      new Checkpoint(state.toJson(), search.save())
          .write(directory.orElseThrow(), search.method(), identity);
    } catch (IOException e) {
      throw unwritable("checkpoint", state, e);
    }
  }

  private InvalidInputException unwritable(String what, LoopState state, IOException e) {
    return new InvalidInputException(
        "The %s of step %d cannot be written to %s: %s; check space and permissions, then resume."
            .formatted(what, state.step, directory.orElseThrow(), e),
        e);
  }
}
