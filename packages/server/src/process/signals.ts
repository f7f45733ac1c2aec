/** How the process is asked to end. */
import { exitCode } from "../cli/exit-code.ts";

/** Somebody may ask for the end of this process. */
interface StopRequest {
  /** Resolves with who asked. */
  readonly asked: Promise<string>;
  /** Listens no more, so that the process may end by itself. */
  release(): void;
}

/**
 * Listens for SIGTERM, SIGINT, and the loss of the parent that started this process with a channel. A second signal ends the
 * process at once.
 */
export function listenForStop(): StopRequest {
  const { promise: asked, resolve } = deferred<string>();
  let stopping = false;
  const ask = (who: string): void => {
    if (stopping) {
      process.exit(exitCode.failure);
    }
    stopping = true;
    resolve(who);
  };
  const onDisconnect = (): void => {
    // A parent that is gone cannot ask twice; a stop that was asked before goes on.
    if (!stopping) {
      ask("the parent process is gone");
    }
  };
  process.on("SIGTERM", ask);
  process.on("SIGINT", ask);
  process.on("disconnect", onDisconnect);
  return {
    asked,
    release() {
      process.off("SIGTERM", ask);
      process.off("SIGINT", ask);
      process.off("disconnect", onDisconnect);
      if (process.connected) {
        process.disconnect?.();
      }
    },
  };
}

function deferred<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
