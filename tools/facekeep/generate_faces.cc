// facekeep generate-faces: made-up embeddings with the statistics of real ones, for trials and rehearsals.
#include "tools/common/generate.h"
#include "tools/facekeep/commands.h"

namespace facekeep::tools {

void add_generate_faces(CLI::App& app, Context& context) {
  struct Options {
    GenerateOptions generate;
    std::string faces;
    std::string labels;
  };
  const auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("generate-faces", context.text(Msg::kHelpGenerateFaces));
  command->add_option("FACES", o->faces, "FILE.npy")->required();
  command->add_option("LABELS", o->labels, "FILE.csv")->required();
  command->add_option("--persons", o->generate.persons)->check(CLI::Range(1, 10'000'000));
  command->add_option("--images", o->generate.images)->check(CLI::Range(1, 100));
  command->add_option("--dimension", o->generate.dimension)->check(CLI::Range(64, 1024));
  command->add_option("--seed", o->generate.seed);
  command->callback([o, &context] {
    context.run([o](Reporter& report) -> Status {
      FK_CHECK(write_generated(o->generate, o->faces, o->labels));
      const std::string rows = std::to_string(std::uint64_t{o->generate.persons} * o->generate.images);
      report.say(Msg::kFacesGenerated, {rows, o->faces});
      report.field("rows", std::uint64_t{o->generate.persons} * o->generate.images);
      return {};
    });
  });
}

}  // namespace facekeep::tools
