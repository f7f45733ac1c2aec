export default {
  testMatch: ["**/tests/*.jest.ts"],
  extensionsToTreatAsEsm: [".ts"],
  // Node strips the types; any other TypeScript transformer does as well.
  transform: { "\\.ts$": "./strip-types.js" },
  // Only for this checkout, whose packages are not built. With the published ones you need neither.
  testEnvironmentOptions: { customExportConditions: ["source", "node", "import"] },
  transformIgnorePatterns: [],
};
