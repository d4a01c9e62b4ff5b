/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tree: the way down to a leaf, changes from the leaf up, scans. Each step down must go to a page of the next
 * lower level and of a narrower range, so that whatever a damaged file holds, every way ends. */
#include "file/index-page.h"

/* One page of the way from the root to a leaf. */
typedef struct Step {
        uint32_t number;
        Bytes page;
        size_t at; /* the item whose page is next; in the leaf the first that is not before what is looked for */
} Step;

typedef struct Way {
        IndexMeta meta;
        Step steps[INDEX_LEVELS_MAX]; /* by level: [0] is the leaf */
        bool found;                   /* the leaf's item is what was looked for */
        bool has_upper;
        size_t lower_size, upper_size;
        uint8_t lower[INDEX_ENTRY_MAX], upper[INDEX_ENTRY_MAX]; /* lower <= the leaf's entries < upper */
} Way;

static void way_done(Way *way) {
        for (size_t i = 0; i < INDEX_LEVELS_MAX; i++)
                bytes_done(&way->steps[i].page);
}

static Span way_lower(const Way *way) {
        return SPAN(way->lower, way->lower_size);
}

static Span way_upper(const Way *way) {
        return SPAN(way->upper, way->upper_size);
}

/* Takes the cursor's entry as the limit, if it narrows the range. */
static bool way_narrow(Way *way, const PageCursor *cursor, bool upper) {
        Span entry = page_cursor_entry(cursor);

        if (index_entry_compare(entry, way_lower(way)) <= 0 ||
            (way->has_upper && index_entry_compare(entry, way_upper(way)) >= 0))
                return false;

        memcpy(upper ? way->upper : way->lower, entry.data, entry.size);
        *(upper ? &way->upper_size : &way->lower_size) = entry.size;
        way->has_upper = way->has_upper || upper;
        return true;
}

/* The item above the leaves whose page the entry belongs to. Returns 0 or -EBADMSG. */
static int step_down(Way *way, Step *step, uint8_t level, Span entry, uint32_t *ret) {
        PageCursor cursor, chosen;
        int r;

        r = page_cursor_open(&cursor, bytes_span(&step->page), level);
        if (r < 0)
                return r;

        chosen = cursor;
        for (size_t at = 0; (r = page_cursor_next(&cursor)) > 0; at++) {
                if (index_entry_compare(page_cursor_entry(&cursor), entry) > 0)
                        break;

                chosen = cursor;
                step->at = at;
        }

        if (r < 0 || (r > 0 && !way_narrow(way, &cursor, true)))
                return -EBADMSG;

        if (step->at > 0 && !way_narrow(way, &chosen, false))
                return -EBADMSG;

        *ret = chosen.child;
        return 0;
}

static int step_leaf(Way *way, Step *step, Span entry) {
        PageCursor cursor;
        int r;

        r = page_cursor_open(&cursor, bytes_span(&step->page), 0);
        if (r < 0)
                return r;

        for (step->at = 0; (r = page_cursor_next(&cursor)) > 0; step->at++) {
                int order = index_entry_compare(page_cursor_entry(&cursor), entry);

                if (step->at == 0 && index_entry_compare(page_cursor_entry(&cursor), way_lower(way)) < 0)
                        return -EBADMSG;

                way->found = order == 0;
                if (order >= 0)
                        return 0;
        }

        return r;
}

/* From the root to the leaf where the entry is or would be. -ENOENT, with no failure set, for an index without
 * entries. */
static int way_find(const IndexPages *pages, Way *way, Span entry, Failure *failure) {
        uint32_t number;
        int r;

        r = index_meta_fetch(pages, &way->meta, failure);
        if (r < 0)
                return r;

        number = way->meta.root;
        way->found = way->has_upper = false;
        way->lower_size = way->upper_size = 0;
        for (uint8_t level = way->meta.level;; level--) {
                Step *step = &way->steps[level];

                step->number = number;
                step->at = 0;
                r = index_page_fetch(pages, number, &step->page, failure);
                if (r < 0)
                        return r;

                r = level > 0 ? step_down(way, step, level, entry, &number) : step_leaf(way, step, entry);
                if (r < 0)
                        return index_page_damaged(step->number, failure);
                if (level == 0)
                        return 0;
        }
}

/* What is changed in one page: the item number `at` is left out, or `entry` becomes item number `at`. */
typedef struct Edit {
        size_t at;
        bool drop;
        size_t size;
        uint8_t entry[INDEX_ENTRY_MAX];
        uint32_t child;
} Edit;

static Edit edit_insert(size_t at, Span entry, uint32_t child) {
        Edit edit = { .at = at, .size = entry.size, .child = child };

        memcpy(edit.entry, entry.data, entry.size);
        return edit;
}

/* A page as it is written: whole into `left`, or past the size `split` into `right`, whose first entry is kept. */
typedef struct Rewrite {
        PageWriter left, right;
        size_t split;
        size_t first_size;
        uint8_t first[INDEX_ENTRY_MAX];
} Rewrite;

static int rewrite_add(Rewrite *rewrite, Span entry, uint32_t child) {
        if (rewrite->right.count == 0) {
                if (rewrite->left.count == 0 ||
                    page_writer_size_with(&rewrite->left, entry) <= rewrite->split)
                        return page_writer_add(&rewrite->left, entry, child);

                memcpy(rewrite->first, entry.data, entry.size);
                rewrite->first_size = entry.size;
        }

        return page_writer_add(&rewrite->right, entry, child);
}

/* Returns how many items the page had, or -EBADMSG. */
static int rewrite_pass(Rewrite *rewrite, Span page, uint8_t level, const Edit *edit, size_t split) {
        PageCursor cursor;
        size_t at = 0;
        int r, put = 0;

        rewrite->split = split;
        page_writer_open(&rewrite->left, level);
        page_writer_open(&rewrite->right, level);
        r = page_cursor_open(&cursor, page, level);
        while (r >= 0 && put >= 0) {
                r = page_cursor_next(&cursor);
                if (at == edit->at && !edit->drop && r >= 0)
                        put = rewrite_add(rewrite, SPAN(edit->entry, edit->size), edit->child);
                if (r <= 0)
                        break;

                if (put >= 0 && (at != edit->at || !edit->drop))
                        put = rewrite_add(rewrite, page_cursor_entry(&cursor), cursor.child);
                at++;
        }

        return r < 0 || put < 0 ? -EBADMSG : (int) at;
}

static int rewrite_page(Rewrite *rewrite, Span page, uint8_t level, const Edit *edit) {
        int items;

        items = rewrite_pass(rewrite, page, level, edit, SIZE_MAX);
        if (items < 0 || rewrite->left.size <= INDEX_PAGE_MAX)
                return items;

        /* What comes in ascending order leaves full pages behind: only the new entry goes into the new page. */
        if ((size_t) items == edit->at)
                return rewrite_pass(rewrite, page, level, edit, page.size);

        return rewrite_pass(rewrite, page, level, edit, rewrite->left.size / 2);
}

/* The root was split: a new one above it. */
static int root_grow(const IndexPages *pages, Way *way, const Edit *edit, Failure *failure) {
        PageWriter writer;
        uint32_t number;
        int r;

        if (way->meta.level + 1 >= INDEX_LEVELS_MAX)
                return index_page_damaged(way->meta.root, failure);

        page_writer_open(&writer, (uint8_t) (way->meta.level + 1));
        (void) page_writer_add(&writer, (Span){}, way->meta.root);
        (void) page_writer_add(&writer, SPAN(edit->entry, edit->size), edit->child);
        r = index_page_allocate(&way->meta, &number, failure);
        if (r < 0)
                return r;

        way->meta.root = number;
        way->meta.level++;
        return index_page_put(pages, number, page_writer_page(&writer), failure);
}

/* A root with one page below it is none: that page is. */
static int root_shrink(const IndexPages *pages, IndexMeta *meta, Failure *failure) {
        while (meta->level > 0) {
                _cleanup_bytes_ Bytes page = {};
                PageCursor cursor;
                uint32_t child, root = meta->root;
                int r;

                r = index_page_fetch(pages, root, &page, failure);
                if (r < 0)
                        return r;

                if (page_cursor_open(&cursor, bytes_span(&page), meta->level) < 0 ||
                    page_cursor_next(&cursor) <= 0)
                        return index_page_damaged(root, failure);

                child = cursor.child;
                if (page_cursor_next(&cursor) != 0)
                        return 0;

                r = index_page_remove(pages, root, failure);
                if (r < 0)
                        return r;

                meta->root = child;
                meta->level--;
        }

        return 0;
}

/* Puts the two halves of a page; *edit is what is then to be done above it. */
static int put_halves(const IndexPages *pages, Way *way, uint8_t level, const Rewrite *rewrite, Edit *edit,
                      Failure *failure) {
        Span separator = SPAN(rewrite->first, rewrite->first_size);
        uint32_t number;
        int r;

        r = index_page_allocate(&way->meta, &number, failure);
        if (r < 0)
                return r;

        if (level == 0)
                separator = index_separator(SPAN(rewrite->left.last, rewrite->left.last_size), separator);

        r = index_page_put(pages, number, page_writer_page(&rewrite->right), failure);
        if (r < 0)
                return r;

        *edit = edit_insert(level == way->meta.level ? 0 : way->steps[level + 1].at + 1, separator, number);
        return level == way->meta.level ? root_grow(pages, way, edit, failure) : 0;
}

/* Changes the leaf, and from there up whatever page has become two, or none. */
static int way_edit(const IndexPages *pages, Way *way, Edit *edit, Failure *failure) {
        const IndexMeta before = way->meta;
        bool shrink = false, more = true;
        Rewrite rewrite;
        int r;

        for (uint8_t level = 0; level <= before.level && more; level++) {
                Step *step = &way->steps[level];

                if (rewrite_page(&rewrite, bytes_span(&step->page), level, edit) < 0)
                        return index_page_damaged(step->number, failure);

                more = rewrite.left.count == 0 || rewrite.right.count > 0;
                shrink = level > 0 && level == before.level && rewrite.left.count == 1 && !more;
                if (rewrite.left.count > 0) {
                        r = index_page_put(pages, step->number, page_writer_page(&rewrite.left), failure);
                        if (r >= 0 && rewrite.right.count > 0)
                                r = put_halves(pages, way, level, &rewrite, edit, failure);
                } else {
                        r = index_page_remove(pages, step->number, failure);
                        if (level == before.level && r >= 0)
                                return pages->remove(pages->userdata, INDEX_META_KEY, failure);
                        if (level < before.level)
                                *edit = (Edit){ .at = way->steps[level + 1].at, .drop = true };
                }

                if (r < 0)
                        return r;
        }

        r = shrink ? root_shrink(pages, &way->meta, failure) : 0;
        if (r < 0 || (way->meta.root == before.root && way->meta.next == before.next))
                return r;

        return index_meta_put(pages, &way->meta, failure);
}

static int check_entry(Span entry, Failure *failure) {
        if (entry.size == 0 || entry.size > INDEX_ENTRY_MAX)
                return failure_set(failure, FAILURE_INVALID_ARGS, "An index entry may have 1 to %d bytes.",
                                   INDEX_ENTRY_MAX);

        return 0;
}

/* The first entry of all. */
static int index_begin(const IndexPages *pages, Span entry, Failure *failure) {
        IndexMeta meta = { .root = 1, .next = 2 };
        PageWriter writer;
        int r;

        page_writer_open(&writer, 0);
        (void) page_writer_add(&writer, entry, 0);
        r = index_page_put(pages, meta.root, page_writer_page(&writer), failure);
        return r < 0 ? r : index_meta_put(pages, &meta, failure);
}

int index_add(const IndexPages *pages, Span entry, Failure *failure) {
        _cleanup_(way_done) Way way = {};
        Edit edit;
        int r;

        r = check_entry(entry, failure);
        if (r < 0)
                return r;

        r = way_find(pages, &way, entry, failure);
        if (r == -ENOENT)
                return index_begin(pages, entry, failure);
        if (r < 0 || way.found)
                return r;

        edit = edit_insert(way.steps[0].at, entry, 0);
        return way_edit(pages, &way, &edit, failure);
}

int index_remove(const IndexPages *pages, Span entry, Failure *failure) {
        _cleanup_(way_done) Way way = {};
        Edit edit;
        int r;

        r = check_entry(entry, failure);
        if (r < 0)
                return r;

        r = way_find(pages, &way, entry, failure);
        if (r == -ENOENT || (r == 0 && !way.found))
                return 0;
        if (r < 0)
                return r;

        edit = (Edit){ .at = way.steps[0].at, .drop = true };
        return way_edit(pages, &way, &edit, failure);
}

typedef struct Scan {
        Span prefix;
        IndexEach each;
        void *userdata;
        bool ended;       /* what comes then has another prefix */
        bool after;       /* the entry at `from` itself is left out */
        size_t from_size; /* where to go on */
        uint8_t from[INDEX_ENTRY_MAX];
} Scan;

static void scan_from(Scan *scan, Span from, bool after) {
        if (from.size > 0)
                memcpy(scan->from, from.data, from.size);

        scan->from_size = from.size;
        scan->after = after;
}

/* Gives the leaf's entries. */
static int scan_leaf(Scan *scan, const Way *way, Failure *failure) {
        const Step *leaf = &way->steps[0];
        Span from = SPAN(scan->from, scan->from_size);
        PageCursor cursor;
        int r;

        r = page_cursor_open(&cursor, bytes_span(&leaf->page), 0);
        if (r < 0)
                return index_page_damaged(leaf->number, failure);

        while ((r = page_cursor_next(&cursor)) > 0) {
                Span entry = page_cursor_entry(&cursor);
                int order = index_entry_compare(entry, from);

                if (order < 0 || (order == 0 && scan->after))
                        continue;

                scan->ended = !span_equal(span_part(entry, 0, scan->prefix.size), scan->prefix);
                if (scan->ended)
                        return 0;

                if (way->has_upper && index_entry_compare(entry, way_upper(way)) >= 0)
                        return index_page_damaged(leaf->number, failure);

                r = scan->each(entry, scan->userdata, failure);
                if (r != 0)
                        return r;
        }

        return r < 0 ? index_page_damaged(leaf->number, failure) : 0;
}

int index_scan(const IndexPages *pages, Span prefix, Span after, IndexEach each, void *userdata,
               Failure *failure) {
        Scan scan = { .prefix = prefix, .each = each, .userdata = userdata };
        _cleanup_(way_done) Way way = {};
        int r;

        if (prefix.size > INDEX_ENTRY_MAX || after.size > INDEX_ENTRY_MAX)
                return failure_set(failure, FAILURE_INVALID_ARGS, "An index entry has at most %d bytes.",
                                   INDEX_ENTRY_MAX);

        if (index_entry_compare(after, prefix) >= 0)
                scan_from(&scan, after, true);
        else
                scan_from(&scan, prefix, false);

        /* From the root for each leaf: the pages above are few, and no way need be remembered. */
        for (;;) {
                r = way_find(pages, &way, SPAN(scan.from, scan.from_size), failure);
                if (r < 0)
                        return r == -ENOENT ? 0 : r;

                r = scan_leaf(&scan, &way, failure);
                if (r != 0)
                        return r;
                if (scan.ended || !way.has_upper)
                        return 0;

                scan_from(&scan, way_upper(&way), false);
        }
}
