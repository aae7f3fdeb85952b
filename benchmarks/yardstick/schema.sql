-- The reference's table and indexes, as its BullMQ job uses them.
CREATE TABLE social_posts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL,
  platform text NOT NULL,
  content text NOT NULL,
  media_urls text[],
  status text NOT NULL DEFAULT 'draft',
  scheduled_at timestamptz,
  posted_at timestamptz,
  platform_post_id text,
  engagement_data jsonb,
  error_message text,
  ai_generated boolean DEFAULT false,
  brand_voice text,
  trend_source text,
  niche_triggered text,
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now()
);
CREATE INDEX ON social_posts (user_id, status);
CREATE INDEX ON social_posts (scheduled_at) WHERE status IN ('scheduled', 'queued');
