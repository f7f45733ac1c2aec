import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["tests/*.vitest.ts"] },
  // Only for this checkout, whose packages are not built. With the published ones you need none of it.
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source"] } },
});
