// Folds events as the daemon does, for another fold to compare: reads canonical events, a line each, and prints the
// state's digest after each, or "refused" for one that the state does not allow and that leaves it as it was.
#include <iostream>
#include <string>

#include "vault/ledger/state.h"

int main() {
  using namespace facekeep;
  ledger::State state;
  for (std::string line; std::getline(std::cin, line);) {
    const auto event = ledger::decode_event(line);
    const auto folded = event ? apply(state, *event) : Status(event.error());
    std::cout << (folded ? to_hex(state.digest()) : "refused " + folded.error().message) << '\n';
  }
  return 0;
}
