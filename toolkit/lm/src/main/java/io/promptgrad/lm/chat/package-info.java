/**
 * Prompts for models that were tuned on conversations.
 *
 * <p>Such a model expects roles and turns to be marked exactly as in its training. How, is told by
 * the Jinja template in its folder: {@link io.promptgrad.lm.chat.ChatTemplate} makes one text of a
 * {@link io.promptgrad.lm.chat.Conversation}, special tokens written out, so that {@code
 * tokenizer.encode} gives the ids to continue:
 *
 * <pre>{@code
 * ChatTemplate template = ChatTemplate.read(model.path());
 * Conversation chat = Conversation.empty().system("Be brief.").user("What is a nebula?");
 * int[] prompt = model.tokenizer().encode(template.render(chat));
 * Generation answer = Generation.generate(model, List.of(prompt), options);
 * }</pre>
 */
package io.promptgrad.lm.chat;
