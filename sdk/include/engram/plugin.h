/* What a plugin is: one exported function, a table of life-cycle functions, a manifest in an ELF section.
 *
 * Threads: [ctl] functions are serialised for an instance; [any] functions run concurrently.
 * Order: create, start, (get, health, interface functions), stop, destroy. An instance is immutable: a changed
 * configuration makes a new one. The library is never unloaded. The core: locked, see call.h.
 */
#ifndef ENGRAM_PLUGIN_H
#define ENGRAM_PLUGIN_H

#include <engram/call.h>
#include <engram/drafts.h>

#define ENGRAM_ABI_MINOR 0u
#define ENGRAM_ENTRY_SYMBOL "engram_plugin_v1" /* the 1 is the generation of the ABI */

typedef struct engram_host engram_host;
struct engram_host {
    uint32_t size, abi_minor;
    engram_str product, version;
    engram_str instance; /* this instance's name in the configuration */
    /* [any] A host service's table by id ("engram.host.log/1"), NULL if not offered or not asked for in the manifest. */
    const void *(*get)(const engram_host *, const char *id);
};

typedef struct engram_plugin {
    uint32_t size, abi_minor;
    /* [ctl] Builds an instance from configuration that has passed the manifest's schema, defaults filled in.
     * No I/O, no threads. INVALID_ARGUMENT refuses the configuration. */
    engram_status (*create)(const engram_host *, engram_str config_json, engram_call *, void **self);
    engram_status (*start)(void *self, engram_call *); /* [ctl] optional: open files, connect */
    engram_status (*stop)(void *self, engram_call *);  /* [ctl] optional: finish background work by the deadline */
    void (*destroy)(void *self);                       /* [ctl] */
    /* [any] An interface's table by id ("engram.auth/1"); NULL = not implemented. Constant for an instance. */
    const void *(*get)(void *self, const char *id);
    /* [any] optional: OK or why not. Quick and without waiting (it may run on an io thread), unless the call carries
     * ENGRAM_CALL_THOROUGH. */
    engram_status (*health)(void *self, engram_call *);
} engram_plugin;

typedef const engram_plugin *(*engram_entry_fn)(void);

#define ENGRAM_EXPORT __attribute__((visibility("default")))

#if defined(__has_attribute)
#if __has_attribute(retain)
#define ENGRAM_SECTION(name) __attribute__((used, retain, section(name)))
#endif
#endif
#ifndef ENGRAM_SECTION
#define ENGRAM_SECTION(name) __attribute__((used, section(name)))
#endif

/* The manifest (sdk/schema/manifest.schema.json), readable from the file without running any of its code, and
 * the hashes of the draft headers the plugin was compiled with. Exactly once a plugin, at file scope. */
#define ENGRAM_MANIFEST(json)                                                         \
    ENGRAM_SECTION("engram_manifest") static const char engram_manifest_text[] = json; \
    ENGRAM_SECTION("engram_drafts") static const char engram_drafts_text[] = ENGRAM_DRAFTS

#endif
