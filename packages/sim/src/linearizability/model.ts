/** What a history is held against: an object that does one operation at a time. */

/** A sequential object. States are values: `step` returns a new one and never changes the one it was given. */
export interface SequentialModel<State, Input, Output> {
  /** The state before any operation. */
  readonly initial: State;
  /**
   * The state after `input`, or undefined where a correct object could not have answered `output`. `output` is null for
   * an operation whose answer nobody knows: then the effect of `input` on that state is due, whatever was answered.
   */
  step(state: State, input: Input, output: Output | null): State | undefined;
  /** Equal for equal states, different for different ones. */
  keyOf(state: State): string;
  /**
   * Whether `input`, answered by `output`, leaves every state as it is: a read, a comparison that failed. The search is much shorter for
   * knowing, since such an operation never has to be tried in a second place. Absent: none does.
   */
  isReadOnly?(input: Input, output: Output | null): boolean;
}

/** One operation as its client saw it. */
export interface Operation<Input, Output> {
  readonly input: Input;
  /** Null while the outcome is unknown: it may have happened at any time after `calledAt`, or never. */
  readonly output: Output | null;
  /** Any unit; only the order counts. At equal times a call comes before a return: the two overlap. */
  readonly calledAt: number;
  /** Null exactly where `output` is. */
  readonly returnedAt: number | null;
}
