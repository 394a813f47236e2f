package io.promptgrad.search;

/** The toy method keeps the contract, so that tests of the loop may rely on it. */
class CountingSearchTest extends SearchContract {

  @Override
  protected Search search(long seed) {
    return new CountingSearch(seed);
  }
}
