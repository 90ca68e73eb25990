import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    pool: "forks",
    maxWorkers: 2,
    // What pdf.js leaves alone of a damaged file ends the process of its reader in the service, and the file is `uninspectable`;
    // tests that damage files read them in their own process.
    onUnhandledError: ({ name }) => name !== "XRefEntryException",
  },
});
