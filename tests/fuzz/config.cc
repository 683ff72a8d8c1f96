// The configuration file: any text gives a configuration or an error; its digest is that of the text.
#include "tools/facekeepd/config.h"

#include "tests/fuzz/fuzz.h"
#include "vault/base/digest.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text(data, size);
  const auto config = daemon::parse_config(text, "fuzz");
  if (config) {
    FUZZ_CHECK(config->digest == sha256(as_bytes(text)));
    FUZZ_CHECK(config->data_dir.starts_with("/"));
    FUZZ_CHECK(config->main_port >= 0 && config->main_port <= 65535);
  } else {
    FUZZ_CHECK(!config.error().message.empty());
  }
  return 0;
}
